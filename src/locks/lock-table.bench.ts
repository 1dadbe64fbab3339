/** What locks cost: `npx vitest bench src/locks`. Divide by the number of keys in the name. */

import { bench, describe } from "vitest";
import { fromLatin1, hashBytes } from "../base/bytes.ts";
import { age } from "../base/ids.ts";
import { owner } from "./lock-owner.ts";
import { LockTable } from "./lock-table.ts";
import type { LockTarget } from "./lock-target.ts";

const KEY_COUNT = 10_000;
const OTHERS = 100;

const names = Array.from({ length: KEY_COUNT }, (_, index) => `user:${index * 7919}`.padEnd(16));
const targets: readonly LockTarget[] = names.map((key) => ({ kind: "key", key }));

let born = 1_000;

/** Begins a transaction that locks `count` keys from `first` on, and releases it. */
function lockKeys(table: LockTable, first: number, count: number): void {
  const id = owner(++born);
  table.begin(id, age(born));
  for (let index = first; index < first + count; index++) {
    table.request(id, targets[index] as LockTarget, "exclusive");
  }
  table.release(id);
}

/** A table in which others hold the first `count` keys. */
function heldTable(count: number): LockTable {
  const table = new LockTable();
  for (let index = 1; index <= OTHERS; index++) table.begin(owner(index), age(index));
  for (let index = 0; index < count; index++) {
    table.request(owner(1 + (index % OTHERS)), targets[index] as LockTarget, "exclusive");
  }
  return table;
}

describe("lock and release", () => {
  const table = new LockTable();
  for (const count of [1, 4, 1_000]) {
    bench(`${count} keys`, () => lockKeys(table, 0, count));
  }

  const held = heldTable(9_000);
  bench("4 keys beside 9,000 held", () => lockKeys(held, 9_500, 4));

  const ranged = heldTable(9_000);
  for (let index = 1; index <= OTHERS; index++) {
    const start = `scan:${index}`;
    ranged.request(owner(index), { kind: "range", start, end: `${start};` }, "exclusive");
  }
  bench("4 keys beside 9,000 held and 100 ranges", () => lockKeys(ranged, 9_500, 4));
  bench("a range of no key beside 9,000 held and 100 ranges", () => {
    const id = owner(++born);
    ranged.begin(id, age(born));
    ranged.request(id, { kind: "range", start: "v", end: "w" }, "shared");
    ranged.release(id);
  });
});

describe("a thousand questions whether a key conflicts", () => {
  const keys = names.slice(9_000).map((name) => fromLatin1(name));
  const hashes = keys.map((key) => hashBytes(key, 0, key.length));
  const ask = (table: LockTable) => {
    for (let index = 0; index < 1_000; index++) {
      const key = keys[index] as Uint8Array;
      table.conflictsWithKey(hashes[index] as number, key, 0, key.length, "exclusive");
    }
  };

  const empty = new LockTable();
  bench("empty table", () => ask(empty));
  const held = heldTable(9_000);
  bench("others hold 9,000", () => ask(held));
  const all = heldTable(10_000);
  bench("others hold 10,000, these too", () => ask(all));
  bench("hashes alone", () => {
    for (const key of keys) hashBytes(key, 0, key.length);
  });
});
