/** Requests in the keys of redis-benchmark (`key:000000000042`), with values of 100 bytes. */

import type { Exchange } from "./load-generator.ts";

export const VALUE_BYTES = 100;
export const KEY_COUNT = 1_000_000;

const VALUE = "v".repeat(VALUE_BYTES);
const OK_BYTES = "+OK\r\n".length;
const QUEUED_BYTES = "+QUEUED\r\n".length;
const GET_REPLY_BYTES = `$${VALUE_BYTES}\r\n${VALUE}\r\n`.length;

/**
 * Takes turns among requests that were made beforehand, so that making them costs nothing while
 * it is measured.
 */
export function takingTurns(count: number, make: () => Exchange): () => Exchange {
  const exchanges = Array.from({ length: count }, make);
  let next = 0;
  return () => {
    const exchange = exchanges[next % count];
    next++;
    if (exchange === undefined) throw new Error("there is at least one");
    return exchange;
  };
}

export function keyOf(index: number): string {
  return `key:${String(index).padStart(12, "0")}`;
}

export function randomKey(): string {
  return keyOf(Math.floor(Math.random() * KEY_COUNT));
}

export function getExchange(key: string): Exchange {
  return { request: encode(["GET", key]), replyBytes: GET_REPLY_BYTES };
}

export function setExchange(key: string): Exchange {
  return { request: encode(["SET", key, VALUE]), replyBytes: OK_BYTES };
}

/** MULTI, so many SETs and EXEC, in one write. */
export function transactionExchange(setCount: number): Exchange {
  const sets = Array.from({ length: setCount }, () => ["SET", randomKey(), VALUE]);
  const request = Buffer.concat([["MULTI"], ...sets, ["EXEC"]].map((words) => encode(words)));
  const execBytes = `*${setCount}\r\n`.length + setCount * OK_BYTES;
  return { request, replyBytes: OK_BYTES + setCount * QUEUED_BYTES + execBytes };
}

/** Many SETs of keys in a row, in one write. */
export function preloadExchange(first: number, count: number): Exchange {
  const sets = Array.from({ length: count }, (_, index) =>
    encode(["SET", keyOf(first + index), VALUE]),
  );
  return { request: Buffer.concat(sets), replyBytes: count * OK_BYTES };
}

function encode(words: readonly string[]): Buffer {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return Buffer.from(`*${words.length}\r\n${parts.join("")}`);
}
