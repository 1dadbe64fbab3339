import { expect, test } from "vitest";
import { bestChecksums } from "../base/checksums.ts";
import { hashBytes } from "../base/bytes.ts";
import { Slab } from "../base/slab.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { Cells, CELLS_OVERHEAD_BYTES } from "./cells.ts";
import { PAGE_BYTES } from "./page.ts";
import { FOUND } from "./tree.ts";

const PAGE_COUNT = 100;
const ROW_COUNT = 1000;
const KEY_BYTES = 16;

test("a leaf that ascending rows fill to its last byte is split, whatever its rows share", () => {
  for (let sharedBytes = 0; sharedBytes <= 5; sharedBytes++) {
    // With values of 77 to 80 bytes a leaf without a prefix has no byte left.
    for (const valueBytes of [76, 77, 78, 79, 80, 81]) {
      const { tree } = makeCells();
      const value = new Uint8Array(valueBytes);
      for (let number = 0; number < ROW_COUNT; number++) {
        tree.put(keyOf(sharedBytes, number), 0, KEY_BYTES, value, 0, valueBytes, number);
      }
      for (let number = 0; number < ROW_COUNT; number++) {
        const key = keyOf(sharedBytes, number);
        expect(tree.find(hashBytes(key, 0, KEY_BYTES), key, 0, KEY_BYTES)).toBe(FOUND);
        expect(tree.version).toBe(number);
      }
    }
  }
});

/** Keys of two leaves share no more than `sharedBytes`, and those of one leaf little more. */
function keyOf(sharedBytes: number, number: number): Uint8Array {
  const key = new Uint8Array(KEY_BYTES).fill(7);
  key[sharedBytes] = number >> 3;
  key[sharedBytes + 1] = number & 7;
  return key;
}

function makeCells(): Cells {
  const cacheBytes = PAGE_COUNT * PAGE_BYTES;
  const slab = new Slab(cacheBytes + CELLS_OVERHEAD_BYTES);
  const volume = new MemoryVolume(PAGE_COUNT * PAGE_BYTES);
  const checksums = bestChecksums();
  const options = { slab, volume, pagesAt: 0, checksums, checksumSeed: 7, cacheBytes };
  return Cells.create(options, PAGE_COUNT);
}
