import { expect, test } from "vitest";
import {
  DEADLINES_KEY,
  idempotencyKey,
  LIBRARY_RANGE,
  outcomeKey,
  SESSIONS_KEY,
  slotCountKey,
  KeyEncoder,
} from "./key-space.ts";
import { libraryRows } from "./library-rows.ts";
import { defaultDatabaseSettings } from "./settings.ts";
import type { Key } from "./tuple.ts";
import { Uuid } from "./uuid.ts";

const UUID = Uuid.parse("00112233-4455-6677-8899-aabbccddeeff");

test("the library knows its own rows from those of users", () => {
  const own = [
    SESSIONS_KEY,
    DEADLINES_KEY,
    outcomeKey(1, 2),
    slotCountKey(3),
    idempotencyKey("once"),
  ];
  for (const key of own) expect(libraryRows.isOwn(key, 0, key.length)).toBe(true);
  const { start } = LIBRARY_RANGE;
  expect(libraryRows.isOwn(start, 0, start.length)).toBe(false);
});

test.each<[string, Key]>([
  ['"accounts"', "accounts"],
  ['"a \\"b\\""', 'a "b"'],
  ['["show", 7, "left"]', ["show", 7, "left"]],
  ['[1n, true, null, ["in", 2.5]]', [1n, true, null, ["in", 2.5]]],
  ['["a\\x00"]', [Uint8Array.of(0x61, 0)]],
  ["[00112233-4455-6677-8899-aabbccddeeff]", [UUID]],
  [`"${"x".repeat(99)}...`, "x".repeat(300)],
])("a key is called as its user calls it: %s", (name, key) => {
  expect(libraryRows.nameOf(new KeyEncoder(defaultDatabaseSettings).copy(key))).toBe(name);
});

test("what is no whole key is shown by its bytes, and what is no user's not at all", () => {
  expect(libraryRows.nameOf(Uint8Array.of(1, 2, 0x61))).toBe('"\\x02a"');
  expect(libraryRows.nameOf(SESSIONS_KEY)).toBeUndefined();
  expect(libraryRows.nameOf(Uint8Array.of(2, 2))).toBeUndefined();
});
