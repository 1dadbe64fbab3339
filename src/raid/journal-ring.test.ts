import fc from "fast-check";
import { expect, test } from "vitest";
import { batchBytesMaxOf, JournalRing } from "./journal-ring.ts";
import { MemberLayout } from "./member-layout.ts";
import { zeroHash } from "./superblock.ts";

const UNIT_BYTES = 512;

interface Written {
  readonly batch: number;
  readonly first: number;
  readonly end: number;
}

test("no batch is written over another that may still be needed, wherever the ring ends", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 40, maxLength: 120 });
  // Where batches are an eighth of the ring, and where a rest is left of it.
  const property = fc.property(fc.integer({ min: 16, max: 43 }), sizes, (units, permilles) => {
    const journalBytes = units * UNIT_BYTES;
    const options = { blockBytes: 64, journalBytes, groupTableBlocks: 1, tableCopies: 2 };
    const layout = new MemberLayout(options);
    const ring = new JournalRing(layout, { batch: 1, position: 0, chain: zeroHash });
    const unitsMax = batchBytesMaxOf(layout) / UNIT_BYTES;
    const kept: Written[] = [];
    for (const permille of permilles) {
      while (!ring.hasRoom) {
        const oldest = kept.shift();
        const start = ring.startAfter(oldest?.batch ?? 0);
        if (start === undefined) throw new Error("a ring without batches has room");
        ring.release(start);
      }
      // Most are as large as they may be.
      const bytes = Math.min(unitsMax, Math.ceil((permille / 500) * unitsMax)) * UNIT_BYTES;
      const { batch } = ring.next;
      const first = ring.positionFor(bytes);
      ring.append(first, bytes, zeroHash);
      const written = { batch, first, end: first + bytes / UNIT_BYTES };
      kept.push(written);
      const oldest = kept[0] ?? written;
      expect(written.end - oldest.first).toBeLessThanOrEqual(units);
      expect(first % units).toBeLessThanOrEqual((written.end - 1) % units);
    }
  });
  fc.assert(property, { numRuns: 200, seed: 7 });
});
