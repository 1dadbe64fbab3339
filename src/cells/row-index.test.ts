import { expect, test } from "vitest";
import { Slab } from "../base/slab.ts";
import { LEAF_CELL_BYTES, PAGE_BYTES } from "./page.ts";
import { RowIndex } from "./row-index.ts";

const KEY = Uint8Array.of(7, 8, 9);
const HASH = 0x12345678;
/** As many changes of a leaf as its number has room for. */
const LAYOUT_COUNT = 2 ** 18;

test("a row is not found where a leaf has changed, however often that was", () => {
  const slab = new Slab(4 * PAGE_BYTES);
  const framesAt = slab.reserve(2 * PAGE_BYTES);
  const rows = new RowIndex(slab, framesAt, 2);
  const cell = framesAt + 4096;
  slab.bytes.set(KEY, cell + LEAF_CELL_BYTES);
  const find = (): number => rows.find(HASH, KEY, 0, KEY.length);
  rows.add(HASH, cell, 0, KEY.length);
  expect(find()).toBe(cell);
  for (let change = 1; change < LAYOUT_COUNT; change++) rows.moved(framesAt);
  expect(find()).toBe(0);
  rows.moved(framesAt);
  expect(find()).toBe(0);
  rows.add(HASH, cell, 0, KEY.length);
  expect(find()).toBe(cell);
});
