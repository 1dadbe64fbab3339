import fc from "fast-check";
import { expect, test } from "vitest";
import { concatBytes, fromLatin1 } from "../base/bytes.ts";
import { COMPLETE, RequestParser } from "../resp/request-parser.ts";
import { RequestQueue } from "./request-queue.ts";

const arrayOfArguments = fc.array(fc.uint8Array({ maxLength: 300 }), {
  minLength: 1,
  maxLength: 40,
});

test("requests come back as they were added, again and again, and after others", () => {
  const queue = new RequestQueue();
  const rounds = fc.array(fc.array(arrayOfArguments, { maxLength: 30 }), { maxLength: 4 });
  fc.assert(
    fc.property(rounds, (lists) => {
      for (const requests of lists) {
        queue.clear();
        for (const words of requests) add(queue, words);
        expect(readAll(queue, requests.length)).toEqual(requests);
        expect(readAll(queue, requests.length)).toEqual(requests);
      }
    }),
    { numRuns: 60, endOnFailure: true },
  );
});

test("a queue that grew long holds no memory once it is cleared", () => {
  const queue = new RequestQueue();
  add(queue, [new Uint8Array(1 << 20)]);
  expect(queue.lengthBytes).toBe(1 << 20);
  expect(queue.read().bytes.length).toBeGreaterThanOrEqual(1 << 20);
  queue.clear();
  add(queue, [new Uint8Array(1)]);
  expect(queue.read().bytes.length).toBeLessThan(1 << 16);
});

/** Adds what a parser makes of the words, so that the bytes between arguments are there. */
function add(queue: RequestQueue, words: readonly Uint8Array[]): void {
  const bytes = concatBytes([
    fromLatin1(`*${words.length}\r\n`),
    ...words.flatMap((word) => [fromLatin1(`$${word.length}\r\n`), word, fromLatin1("\r\n")]),
  ]);
  const parser = new RequestParser({ bulkBytesMax: 1 << 21, stranger: false });
  expect(parser.parse(bytes, 0, bytes.length)).toBe(COMPLETE);
  queue.add(parser.request);
  bytes.fill(0);
}

function readAll(queue: RequestQueue, count: number): readonly Uint8Array[][] {
  queue.rewind();
  return Array.from({ length: count }, () => {
    const request = queue.read();
    return Array.from({ length: request.count }, (_, index) => request.argument(index).slice());
  });
}
