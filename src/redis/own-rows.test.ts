import { expect, test } from "vitest";
import { isOwnRow } from "../store/urgency.ts";
import {
  DATABASE_ROWS,
  DOOR_DATABASE,
  KEY_ROWS,
  NEXT_DATABASE_ROW,
  RECLAIM_ROWS,
  rowKey,
} from "./row-format.ts";

test("the store knows the door's own rows from those of users", () => {
  const own = [
    rowKey(DOOR_DATABASE, DATABASE_ROWS, 3),
    rowKey(DOOR_DATABASE, NEXT_DATABASE_ROW),
    rowKey(DOOR_DATABASE, RECLAIM_ROWS, 0xffff_fffe),
  ];
  for (const key of own) expect(isOwnRow(key, 0, key.length)).toBe(true);
  for (const database of [0, 15, 0x1_0000, 0xffff_fffe, 0xffff_ff00]) {
    const key = rowKey(database, KEY_ROWS, 0xffff_ffff);
    expect(isOwnRow(key, 0, key.length)).toBe(false);
  }
});
