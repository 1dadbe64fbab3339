/**
 * What every store of transactions must do, whatever it is made of: bodies are all or nothing,
 * see what they wrote, and leave what a sorted list of rows would hold after the same calls.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareBytes, prefixEnd } from "../base/bytes.ts";
import { isFault } from "../base/fault.ts";
import { type ScanRange, type Step, MUST_WAIT, type TransactionStore } from "./step.ts";

/** Runs the body with an empty store, and drives the world if that must be driven. */
export type RunWithStore = (body: (store: TransactionStore) => Promise<void>) => Promise<void>;

/** Keys of the library's space, and of one kind of Redis rows, which are counted apart. */
const anyKey = fc
  .tuple(fc.constantFrom([1], [2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]), fc.nat(11))
  .map(([space, number]) => Uint8Array.from([...space, number]));

const value = fc.uint8Array({ maxLength: 5 });

type Call =
  | { readonly kind: "set" | "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: "get" | "find" | "delete" | "remove" | "count"; readonly key: Uint8Array }
  | { readonly kind: "removeRange"; readonly start: Uint8Array; readonly end: Uint8Array }
  | ({ readonly kind: "scan"; readonly limit: number } & ScanRange);

const call: fc.Arbitrary<Call> = fc.oneof(
  fc.record({ kind: fc.constantFrom("set" as const, "put" as const), key: anyKey, value }),
  fc.record({
    kind: fc.constantFrom(
      "get" as const,
      "find" as const,
      "delete" as const,
      "remove" as const,
      "count" as const,
    ),
    key: anyKey,
  }),
  fc.record({ kind: fc.constant("removeRange" as const), start: anyKey, end: anyKey }),
  fc.record({
    kind: fc.constant("scan" as const),
    start: anyKey,
    end: fc.option(anyKey, { nil: undefined }),
    reverse: fc.boolean(),
    limit: fc.integer({ min: 1, max: 9 }),
  }),
);

const bodies = fc.array(
  fc.record({ calls: fc.array(call, { maxLength: 8 }), throws: fc.nat(4).map((one) => one === 0) }),
  { maxLength: 12 },
);

export function testTransactionStore(name: string, run: RunWithStore): void {
  describe(`${name}, as a store of transactions`, () => {
    test("answers as a sorted list would, one body a transaction", async () => {
      await checkAgainstList(run, async (store, body) => await store.run(body));
    });

    test("answers as a sorted list would, within one transaction", async () => {
      await fc.assert(
        fc.asyncProperty(bodies, async (all) => {
          await run(async (store) => {
            const transaction = store.begin();
            const model = new Model();
            for (const { calls, throws } of all) {
              await checkBody(async (body) => await transaction.run(body), model, calls, throws);
            }
            await transaction.commit();
            await store.run((step) => expect(listAll(step)).toEqual(model.rows()));
          });
        }),
        { seed: 2, numRuns: 30 },
      );
    });

    test("a body that throws leaves nothing behind, and its error passes", async () => {
      await run(async (store) => {
        const error = new Error("no");
        await store.run((step) => step.set(bytes("a"), bytes("1")));
        const refused = store.run((step) => {
          step.set(bytes("a"), bytes("2"));
          step.delete(bytes("b"));
          throw error;
        });
        await expect(refused).rejects.toBe(error);
        expect(await store.run((step) => step.get(bytes("a")))).toEqual(bytes("1"));
      });
    });

    test("a transaction that writes gets the next position, its rows the version", async () => {
      await run(async (store) => {
        await store.run((step) => {
          step.set(bytes("a"), bytes("1"));
          expect(versionOf(step, "a")).toBe(0);
        });
        const first = store.answerLsn;
        await store.run((step) => step.set(bytes("b"), bytes("2")));
        const second = store.answerLsn;
        expect(second).toBeGreaterThan(first);
        await store.run((step) => {
          const versions: number[] = [];
          const range = { start: bytes("a"), end: undefined };
          step.scan(range, (entry) => versions.push(entry.version) > 0);
          expect(versions).toEqual([first, second]);
          expect(versionOf(step, "a")).toBe(first);
          expect(versionOf(step, "b")).toBe(second);
        });
        expect(store.answerLsn).toBeGreaterThanOrEqual(second);
      });
    });

    test("what was answered is settled soon, and the listener hears of it", async () => {
      await run(async (store) => {
        let heard = 0;
        const stop = store.onSettled(() => heard++);
        await store.run((step) => step.set(bytes("a"), bytes("1")));
        const position = store.answerLsn;
        await store.whenSettled(position);
        expect(store.settledLsn).toBeGreaterThanOrEqual(position);
        expect(heard).toBeGreaterThan(0);
        stop();
        const before = heard;
        await store.run((step) => step.set(bytes("a"), bytes("2")));
        await store.whenSettled(store.answerLsn);
        expect(heard).toBe(before);
      });
    });

    test("a transaction that is open is not seen, and rolled back never was", async () => {
      await run(async (store) => {
        const transaction = store.begin();
        await transaction.run((step) => step.set(bytes("a"), bytes("1")));
        // A store may let readers wait, or stand before the transaction in the order.
        expect([MUST_WAIT, undefined]).toContain(store.tryRun((step) => step.get(bytes("a"))));
        expect(store.tryRun((step) => step.set(bytes("a"), bytes("2")))).toBe(MUST_WAIT);
        const reader = store.run((step) => step.get(bytes("a")));
        transaction.rollback();
        expect(await reader).toBeUndefined();
        await expectCode(
          transaction.run(() => 1),
          "ERR_CLOSED",
        );
        await expectCode(transaction.commit(), "ERR_CLOSED");
      });
    });

    test("others see all of a commit or nothing, and write after it what it locked", async () => {
      await run(async (store) => {
        const transaction = store.begin();
        await transaction.run((step) => step.set(bytes("a"), bytes("1")));
        await transaction.run((step) => step.set(bytes("b"), bytes("2")));
        const reader = store.run((step) => listAll(step).map(([, text]) => text));
        const writer = store.run((step) => {
          const before = step.getForUpdate(bytes("a"));
          step.set(bytes("a"), bytes("3"));
          return textOf(before);
        });
        const position = await transaction.commit();
        expect(["", "1,2"]).toContain((await reader).join(","));
        expect(await writer).toBe("1");
        const last = await store.run((step) => listAll(step).map(([, text]) => text));
        expect(last).toEqual(["3", "2"]);
        await store.whenSettled(position);
      });
    });

    test("who waits for too long, or whose signal is aborted, is told so", async () => {
      await run(async (store) => {
        const transaction = store.begin();
        await transaction.run((step) => step.set(bytes("a"), bytes("1")));
        const write = (step: Step): void => step.set(bytes("a"), bytes("2"));
        await expectCode(store.run(write, { timeoutMs: 5 }), "ERR_TIMEOUT");
        const controller = new AbortController();
        const writer = store.run(write, { signal: controller.signal });
        controller.abort();
        await expectCode(writer, "ERR_TIMEOUT");
        await transaction.commit();
        expect(await store.run((step) => step.get(bytes("a")))).toEqual(bytes("1"));
      });
    });
  });
}

/** A body at a time against the model; some throw at their end. */
async function checkAgainstList(
  run: RunWithStore,
  runBody: <T>(store: TransactionStore, body: (step: Step) => T) => Promise<T>,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(bodies, async (all) => {
      await run(async (store) => {
        const model = new Model();
        for (const { calls, throws } of all) {
          const once = async <T>(body: (step: Step) => T): Promise<T> => await runBody(store, body);
          await checkBody(once, model, calls, throws);
        }
        await store.run((step) => expect(listAll(step)).toEqual(model.rows()));
      });
    }),
    { seed: 1, numRuns: 60 },
  );
}

async function checkBody(
  runBody: <T>(body: (step: Step) => T) => Promise<T>,
  model: Model,
  calls: readonly Call[],
  throws: boolean,
): Promise<void> {
  const thrown = new Error("rolled back");
  const before = model.copy();
  let answers: readonly unknown[] = [];
  const ran = runBody((step) => {
    answers = calls.map((one) => perform(step, one));
    if (throws) throw thrown;
  });
  if (throws) await expect(ran).rejects.toBe(thrown);
  else await ran;
  expect(answers).toEqual(calls.map((one) => model.perform(one)));
  if (throws) model.restore(before);
}

/** Makes the call, and what it answers comparable. */
function perform(step: Step, one: Call): unknown {
  switch (one.kind) {
    case "set":
      step.set(one.key, one.value);
      return undefined;
    case "put": {
      const padded = Uint8Array.from([9, ...one.key, 9]);
      const at = step.put(padded, 1, one.key.length, one.value.length);
      step.buffer.set(one.value, at);
      return undefined;
    }
    case "get":
      return textOf(step.get(one.key));
    case "find": {
      const padded = Uint8Array.from([9, ...one.key, 9]);
      if (!step.find(padded, 1, one.key.length)) return undefined;
      const { valueBytes, valueAt, valueLength } = step;
      return textOf(valueBytes.subarray(valueAt, valueAt + valueLength));
    }
    case "delete":
      step.delete(one.key);
      return undefined;
    case "remove":
      step.remove(one.key, 0, one.key.length);
      return undefined;
    case "removeRange":
      step.removeRange(one.start, one.end);
      return undefined;
    case "count":
      return step.count(censusPrefixOf(one.key));
    case "scan":
      return list(step, one, one.limit);
  }
}

interface ModelRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** The same calls on a list of rows, as simply as can be. */
class Model {
  #rows: readonly ModelRow[] = [];

  copy(): Model {
    const other = new Model();
    other.#rows = this.#rows;
    return other;
  }

  restore(other: Model): void {
    this.#rows = other.#rows;
  }

  rows(): readonly (readonly [string, string])[] {
    return this.#rows.map((row) => [textOf(row.key) ?? "", textOf(row.value) ?? ""]);
  }

  perform(one: Call): unknown {
    switch (one.kind) {
      case "set":
      case "put":
        this.#drop((other) => compareBytes(other, one.key) === 0);
        this.#rows = [...this.#rows, { key: one.key, value: one.value }].toSorted((left, right) =>
          compareBytes(left.key, right.key),
        );
        return undefined;
      case "get":
      case "find":
        return textOf(this.#rows.find((row) => compareBytes(row.key, one.key) === 0)?.value);
      case "delete":
      case "remove":
        this.#drop((other) => compareBytes(other, one.key) === 0);
        return undefined;
      case "removeRange":
        this.#drop(
          (other) => compareBytes(one.start, other) <= 0 && compareBytes(other, one.end) < 0,
        );
        return undefined;
      case "count": {
        const prefix = censusPrefixOf(one.key);
        return this.#between(prefix, prefixEnd(prefix)).length;
      }
      case "scan": {
        const rows = this.#between(one.start, one.end);
        const ordered = one.reverse === true ? rows.toReversed() : rows;
        return ordered.slice(0, one.limit).map((row) => [textOf(row.key), textOf(row.value)]);
      }
    }
  }

  #drop(isDropped: (other: Uint8Array) => boolean): void {
    this.#rows = this.#rows.filter((row) => !isDropped(row.key));
  }

  #between(start: Uint8Array, end: Uint8Array | undefined): readonly ModelRow[] {
    return this.#rows.filter(
      (row) =>
        compareBytes(start, row.key) <= 0 && (end === undefined || compareBytes(row.key, end) < 0),
    );
  }
}

function listAll(step: Step): readonly (readonly [string, string])[] {
  return list(step, { start: new Uint8Array(0), end: undefined }, Number.POSITIVE_INFINITY);
}

function list(step: Step, range: ScanRange, limit: number): readonly (readonly [string, string])[] {
  const rows: (readonly [string, string])[] = [];
  step.scan(range, ({ keyBytes, keyLength, valueBytes, valueAt, valueLength }) => {
    const keyText = textOf(keyBytes.subarray(0, keyLength)) ?? "";
    const valueText = textOf(valueBytes.subarray(valueAt, valueAt + valueLength)) ?? "";
    return rows.push([keyText, valueText]) < limit;
  });
  return rows;
}

/** What a key is counted by; see `store/census.ts`. */
function censusPrefixOf(key: Uint8Array): Uint8Array {
  return key.slice(0, key[0] === 2 ? 6 : 1);
}

function versionOf(step: Step, text: string): number {
  const found = bytes(text);
  expect(step.find(found, 0, found.length)).toBe(true);
  return step.version;
}

async function expectCode(work: Promise<unknown>, code: string): Promise<void> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(isFault(error) ? error.code : error).toBe(code);
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function textOf(source: Uint8Array | undefined): string | undefined {
  return source === undefined ? undefined : String.fromCharCode(...source);
}
