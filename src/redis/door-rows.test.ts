import { expect, test } from "vitest";
import { doorRows } from "./door-rows.ts";
import {
  DATABASE_ROWS,
  DOOR_DATABASE,
  KEY_ROWS,
  NEXT_DATABASE_ROW,
  RECLAIM_ROWS,
  rowKey,
} from "./row-format.ts";

test("the door knows its own rows from those of users", () => {
  const own = [
    rowKey(DOOR_DATABASE, DATABASE_ROWS, 3),
    rowKey(DOOR_DATABASE, NEXT_DATABASE_ROW),
    rowKey(DOOR_DATABASE, RECLAIM_ROWS, 0xffff_fffe),
  ];
  for (const key of own) expect(doorRows.isOwn(key, 0, key.length)).toBe(true);
  for (const database of [0, 15, 0x1_0000, 0xffff_fffe, 0xffff_ff00]) {
    const key = rowKey(database, KEY_ROWS, 0xffff_ffff);
    expect(doorRows.isOwn(key, 0, key.length)).toBe(false);
  }
});

test("a key is called as its client calls it", () => {
  const row = rowKey(0, KEY_ROWS, 0x61_62_0a_63);
  expect(doorRows.nameOf(row)).toBe('"ab\\x0ac"');
  expect(doorRows.nameOf(rowKey(DOOR_DATABASE, NEXT_DATABASE_ROW))).toBeUndefined();
  expect(doorRows.nameOf(Uint8Array.of(1, 1, 1, 1, 1, KEY_ROWS))).toBeUndefined();
});
