import { expect, test } from "vitest";
import { age } from "../base/ids.ts";
import type { LockMode } from "./lock-mode.ts";
import { compatible, includes } from "./lock-mode.ts";
import { owner } from "./lock-owner.ts";
import { LockTable } from "./lock-table.ts";
import type { LockTarget } from "./lock-target.ts";

function key(name: string): LockTarget {
  return { kind: "key", key: name };
}

function range(start: string, end: string | undefined): LockTarget {
  return { kind: "range", start, end };
}

function tableOf(...ages: readonly number[]): LockTable {
  const table = new LockTable();
  for (const one of ages) table.begin(owner(one), age(one));
  return table;
}

test("only readers go together", () => {
  const modes: readonly LockMode[] = ["shared", "exclusive"];
  const table = modes.flatMap((held) => modes.map((wanted) => compatible(held, wanted)));
  expect(table).toEqual([true, false, false, false]);
  const enough = modes.flatMap((held) => modes.map((wanted) => includes(held, wanted)));
  expect(enough).toEqual([true, false, true, true]);
});

test("a misused table says so", () => {
  const table = tableOf(1, 2, 3);
  expect(() => table.begin(owner(1), age(9))).toThrow("begins once");
  expect(() => table.release(owner(9))).toThrow("owners begin before they ask");
  expect(() => table.request(owner(1), range("b", "b"), "shared")).toThrow("room for a key");

  table.request(owner(2), key("a"), "exclusive");
  table.request(owner(3), key("a"), "exclusive");
  expect(() => table.request(owner(3), key("b"), "shared")).toThrow("one thing at a time");
  expect(() => table.prepare(owner(3))).toThrow("has all its locks");

  table.request(owner(1), key("a"), "exclusive");
  expect(table.isWounded(owner(2))).toBe(true);
  expect(() => table.request(owner(2), key("b"), "shared")).toThrow("asks for nothing more");
  expect(() => table.prepare(owner(2))).toThrow("cannot promise");
});

test("two transactions of one age are a bug", () => {
  const table = tableOf(1);
  table.begin(owner(2), age(1));
  table.request(owner(1), key("a"), "exclusive");
  expect(() => table.request(owner(2), key("a"), "exclusive")).toThrow("of one age");
});

test("the refusal of a lock too many names the setting", () => {
  const table = new LockTable({ locksPerTransactionMax: 1 });
  table.begin(owner(1), age(1));
  table.request(owner(1), key("a"), "shared");
  expect(() => table.request(owner(1), key("b"), "shared")).toThrow(
    expect.objectContaining({
      code: "ERR_LIMIT",
      message: expect.stringContaining('"locksPerTransactionMax"'),
    }),
  );
  expect(table.describe(10)).toHaveLength(1);
});

test("a description has no more rows than asked for", () => {
  const table = tableOf(1);
  for (const name of ["a", "b", "c"]) table.request(owner(1), key(name), "shared");
  expect(table.describe(2).map((row) => row.target)).toEqual([key("a"), key("b")]);
});

test("ranges find keys locked before and after them", () => {
  const table = tableOf(1, 2, 3);
  const names = Array.from({ length: 200 }, (_, index) => String(index * 7919).padStart(8, "0"));
  for (const name of names.slice(0, 100)) table.request(owner(1), key(name), "shared");
  expect(table.request(owner(2), range("1", undefined), "exclusive")).toEqual([
    { kind: "granted" },
  ]);
  for (const name of names.slice(100)) table.request(owner(1), key(name), "shared");
  for (const [index, name] of names.entries()) {
    const after = `${name}\0`;
    table.begin(owner(index + 10), age(index + 10));
    const [effect] = table.request(owner(index + 10), range(name, after), "exclusive");
    expect(effect?.kind).toBe("waiting");
  }
  expect(table.release(owner(1))).toHaveLength(200);
});

test("a queue on one key moves up one by one", () => {
  const table = tableOf(...Array.from({ length: 2_000 }, (_, index) => index));
  for (let index = 0; index < 2_000; index++) {
    table.request(owner(index), key("hot"), "exclusive");
  }
  for (let index = 0; index < 1_999; index++) {
    expect(table.release(owner(index))).toEqual([{ kind: "grant", owner: index + 1 }]);
  }
});

test("thousands share a key, and each lets go by itself", () => {
  const table = tableOf(...Array.from({ length: 5_000 }, (_, index) => index));
  for (let index = 0; index < 4_999; index++) table.request(owner(index), key("hot"), "shared");
  table.request(owner(4_999), key("hot"), "exclusive");
  for (let index = 0; index < 4_998; index++) table.release(owner(index));
  expect(table.blockersOf(owner(4_999))).toHaveLength(1);
  expect(table.release(owner(4_998))).toEqual([{ kind: "grant", owner: 4_999 }]);
});
