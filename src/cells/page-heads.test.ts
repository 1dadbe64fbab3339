import fc from "fast-check";
import { expect, test } from "vitest";
import { compareBytes, fromLatin1 } from "../base/bytes.ts";
import { Slab } from "../base/slab.ts";
import { checkPage } from "./page-check.ts";
import { clearPage, closeSlot, hasRoom, openSlot, setIdentity } from "./page-edit.ts";
import { shareMore, shareWith, writeHead } from "./page-heads.ts";
import { holdsKey, lowerBound } from "./page-search.ts";
import { align4, LEAF_CELL_BYTES, PAGE_BYTES, sharedBytesOf } from "./page.ts";

const key = fc
  .tuple(fc.constantFrom("key:", "key:0000", "k", ""), fc.string({ maxLength: 4 }))
  .map(([start, rest]) => fromLatin1(start + rest.replaceAll(/[^\0-\xff]/gu, "?")));
const step = fc.record({
  kind: fc.constantFrom("insert" as const, "insert" as const, "remove" as const, "share" as const),
  key,
});

test("slots are found in order, whatever the keys share and whatever comes and goes", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const slab = new Slab(2 * PAGE_BYTES);
      clearPage(slab, 0, 0, new Uint8Array(0), 0, 0);
      setIdentity(slab, 0, 1, 1);
      let model: Uint8Array[] = [];
      for (const { kind, key: bytes } of steps) {
        const slot = lowerBound(slab, 0, bytes, 0, bytes.length);
        const below = model.filter((other) => compareBytes(other, bytes) < 0).length;
        expect(slot).toBe(below);
        const isThere = holdsKey(slab, 0, slot, bytes, 0, bytes.length);
        expect(isThere).toBe(model.some((other) => compareBytes(other, bytes) === 0));
        if (kind === "share") shareMore(slab, 0);
        else if (kind === "remove" && isThere) {
          closeSlot(slab, 0, slot);
          model = model.toSpliced(slot, 1);
        } else if (kind === "insert" && !isThere) {
          const length = align4(LEAF_CELL_BYTES + bytes.length);
          expect(hasRoom(slab, 0, length)).toBe(true);
          shareWith(slab, 0, bytes, 0, bytes.length);
          const cell = openSlot(slab, 0, slot, bytes.length, length, PAGE_BYTES);
          slab.bytes.fill(0, cell, cell + LEAF_CELL_BYTES);
          slab.bytes.set(bytes, cell + LEAF_CELL_BYTES);
          writeHead(slab, 0, slot);
          model = model.toSpliced(slot, 0, bytes);
        }
        expect(checkPage(slab, 0, 1, 0, { low: undefined, high: undefined })).toEqual([]);
      }
    }),
    { numRuns: 300, seed: 1, endOnFailure: true },
  );
});

test("what all keys share is left out of their heads", () => {
  const slab = new Slab(2 * PAGE_BYTES);
  clearPage(slab, 0, 0, new Uint8Array(0), 0, 0);
  for (let number = 0; number < 30; number++) {
    const bytes = fromLatin1(`key:${String(number).padStart(8, "0")}`);
    const cell = openSlot(slab, 0, number, bytes.length, 20, PAGE_BYTES);
    slab.bytes.fill(0, cell, cell + LEAF_CELL_BYTES);
    slab.bytes.set(bytes, cell + LEAF_CELL_BYTES);
    writeHead(slab, 0, number);
  }
  shareMore(slab, 0);
  expect(sharedBytesOf(slab, 0)).toBe("key:000000".length);
  const stranger = fromLatin1("other");
  shareWith(slab, 0, stranger, 0, stranger.length);
  expect(sharedBytesOf(slab, 0)).toBe(0);
});
