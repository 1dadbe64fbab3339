import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { equalBytes } from "../base/bytes.ts";
import { batchNumber, generation, lsn, viewNumber } from "../base/ids.ts";
import {
  applyMask,
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  type BatchCodec,
  type BatchHeader,
  findHeader,
  isWhole,
  sealBatch,
  smallestMask,
} from "./batch-format.ts";
import { KIND_IGNORABLE, writeEntryFrame } from "./entry.ts";
import { checksums, hex, volumeId } from "./test-store.suite.ts";

const UNIT_BYTES = 512;
const codec: BatchCodec = { volumeId, unitBytes: UNIT_BYTES, checksums };

const header: BatchHeader = {
  generation: generation(3),
  view: viewNumber(0x0102),
  batch: batchNumber(0x1122334455),
  firstLsn: lsn(0x66778899),
  durableThrough: lsn(0x66778898),
  position: 0x10000000a,
  entryCount: 2,
  usedBytes: 1000,
  previousChecksum: 0xdeadbeef,
};

test("the header has the documented bytes", () => {
  const { bytes, checksum } = sealBatch(codec, header, new Uint8Array(1024));
  expect(hex(bytes.subarray(0, 4))).toBe("f5484c42");
  expect(hex(bytes.subarray(12, BATCH_HEADER_BYTES))).toBe(
    [
      "01000000", // version
      "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf", // volume id
      "0300000000000000", // generation
      "0201000000000000", // view
      "5544332211000000", // batch number
      "9988776600000000", // first LSN
      "9888776600000000", // durable through
      "0a00000001000000", // position
      "02000000", // entry count
      "e8030000", // used bytes
      "00000000", // mask
      "efbeadde", // previous checksum
    ].join(""),
  );
  const view = new DataView(bytes.buffer);
  expect(view.getUint32(4, true)).toBe(checksum);
  expect(checksum).toBe(checksums.crc32(bytes.subarray(8), 0xdeadbeef));
  expect(view.getUint32(8, true)).toBe(checksums.crc32(bytes.subarray(12, 96), 0));
});

test("the example of the documentation is what is written", async () => {
  const unit = new Uint8Array(4096);
  const view = new DataView(unit.buffer);
  writeEntryFrame(view, 96, 1, viewNumber(7), 5);
  unit.set(new TextEncoder().encode("hello"), 112);
  writeEntryFrame(view, 120, 2 | KIND_IGNORABLE, viewNumber(7), 0);
  const { bytes } = sealBatch(
    { ...codec, unitBytes: 4096 },
    {
      generation: generation(2),
      view: viewNumber(7),
      batch: batchNumber(1),
      firstLsn: lsn(1),
      durableThrough: lsn(0),
      position: 0,
      entryCount: 2,
      usedBytes: 136,
      previousChecksum: 0,
    },
    unit,
  );
  const text = await readFile(new URL("../../docs/formats/log.md", import.meta.url), "utf8");
  const lines = [...text.matchAll(/^ {4}[0-9a-f]{4} {2}((?:[0-9a-f]{2} ?){16})$/gm)];
  const documented = lines.map((line) => line[1]?.replaceAll(" ", "")).join("");
  expect(documented).toBe(hex(bytes.subarray(0, documented.length / 2)));
  expect(documented).toHaveLength(2 * 144);
});

test("what was sealed is found as it was, whatever the entries hold", () => {
  const units = fc.integer({ min: 1, max: 6 });
  const words = fc.array(
    fc.constantFrom(BATCH_MAGIC, 0, 1, 2, 3, BATCH_MAGIC ^ 1, BATCH_MAGIC ^ 2),
  );
  fc.assert(
    fc.property(units, words, (unitCount, heads) => {
      const source = new Uint8Array(unitCount * UNIT_BYTES);
      const view = new DataView(source.buffer);
      heads.slice(0, unitCount).forEach((word, unit) => {
        view.setUint32(unit * UNIT_BYTES, word, true);
      });
      const gathered = source.slice();
      const { bytes } = sealBatch(codec, { ...header, usedBytes: source.length }, source);

      const written = new DataView(bytes.buffer);
      for (let at = UNIT_BYTES; at < bytes.length; at += UNIT_BYTES) {
        expect(written.getUint32(at, true)).not.toBe(BATCH_MAGIC);
      }
      const found = findHeader(codec, bytes, 0);
      expect(found).toMatchObject({ ...header, usedBytes: source.length });
      if (found === undefined) return;
      expect(isWhole(codec, found, bytes)).toBe(true);
      const entries = gathered.subarray(BATCH_HEADER_BYTES);
      expect(equalBytes(source.subarray(BATCH_HEADER_BYTES), entries)).toBe(true);
      applyMask(bytes, UNIT_BYTES, found.mask);
      expect(equalBytes(bytes.subarray(BATCH_HEADER_BYTES), entries)).toBe(true);
    }),
    { seed: 1, numRuns: 300 },
  );
});

test("there is always a mask, the smallest that serves", () => {
  const source = new Uint8Array(5 * UNIT_BYTES);
  const view = new DataView(source.buffer);
  expect(smallestMask(source, UNIT_BYTES)).toBe(0);
  for (const [unit, mask] of [0, 1, 2, 3].entries()) {
    view.setUint32((unit + 1) * UNIT_BYTES, (BATCH_MAGIC ^ mask) >>> 0, true);
  }
  expect(smallestMask(source, UNIT_BYTES)).toBe(4);
});

test("no bit of a batch can change unnoticed, its place and its volume included", () => {
  const source = new Uint8Array(1024).map((_, index) => index);
  const { bytes } = sealBatch(codec, header, source);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = bytes.slice();
    changed[bit >>> 3] = (changed[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
    const found = findHeader(codec, changed, 0);
    expect(found === undefined || !isWhole(codec, found, changed), `bit ${bit}`).toBe(true);
  }
  const other = { ...codec, volumeId: volumeId.map((byte) => byte ^ 1) };
  expect(findHeader(other, bytes, 0)).toBeUndefined();
});

test("the checksum goes on from the batch before", () => {
  const { bytes } = sealBatch(codec, header, new Uint8Array(1024));
  const found = findHeader(codec, bytes, 0);
  expect(found && isWhole(codec, { ...found, previousChecksum: 1 }, bytes)).toBe(false);
});

test("a batch of a later version is refused with the way out", () => {
  const { bytes } = sealBatch(codec, header, new Uint8Array(1024));
  bytes[12] = 2;
  new DataView(bytes.buffer).setUint32(8, checksums.crc32(bytes.subarray(12, 96), 0), true);
  expect(() => findHeader(codec, bytes, 0)).toThrow(/version 2.*a later one/);
});

test("a number that is no safe integer is no header", () => {
  const { bytes } = sealBatch(codec, header, new Uint8Array(1024));
  new DataView(bytes.buffer).setUint32(52, 1 << 21, true);
  new DataView(bytes.buffer).setUint32(8, checksums.crc32(bytes.subarray(12, 96), 0), true);
  expect(findHeader(codec, bytes, 0)).toBeUndefined();
});
