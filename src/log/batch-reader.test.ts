/** What the reader of batches refuses, with headers that are whole and say what they should not. */

import { expect, test } from "vitest";
import { batchNumber, generation, lsn, viewNumber } from "../base/ids.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { type BatchCodec, type BatchHeader, sealBatch } from "./batch-format.ts";
import { BatchReader } from "./batch-reader.ts";
import type { LogPoint } from "./log-zone.ts";
import { HookedVolume } from "./hooked-volume.suite.ts";
import { Ring } from "./ring.ts";
import { checksums, volumeId } from "./test-store.suite.ts";

const UNIT_BYTES = 512;
const RING_UNITS = 4096;
const codec: BatchCodec = { volumeId, unitBytes: UNIT_BYTES, checksums };

const start: LogPoint = {
  batch: batchNumber(9),
  position: 5 * RING_UNITS + 7,
  firstLsn: lsn(30),
  previousChecksum: 0xabc,
};

const good: BatchHeader = {
  ...start,
  generation: generation(3),
  view: viewNumber(1),
  durableThrough: lsn(29),
  entryCount: 2,
  usedBytes: 700,
};

async function kindOf(changes: Partial<BatchHeader>): Promise<{ kind: string; readBytes: number }> {
  const memory = new MemoryVolume(RING_UNITS * UNIT_BYTES);
  const header = { ...good, ...changes };
  // Sealed as if it were shorter where no batch could be that long, so that the header is whole.
  const { bytes } = sealBatch(codec, { ...header, usedBytes: 700 }, new Uint8Array(1024));
  new DataView(bytes.buffer).setUint32(84, header.usedBytes, true);
  new DataView(bytes.buffer).setUint32(8, checksums.crc32(bytes.subarray(12, 96), 0), true);
  const checksum = checksums.crc32(bytes.subarray(8), header.previousChecksum);
  new DataView(bytes.buffer).setUint32(4, checksum, true);
  memory.image.write(7 * UNIT_BYTES, bytes);
  let readBytes = 0;
  const volume = new HookedVolume(memory, (_operation, _at, target) => {
    readBytes += target.length;
  });
  const zone = { at: 0, ringBytes: RING_UNITS * UNIT_BYTES, unitBytes: UNIT_BYTES };
  const reader = new BatchReader(new Ring(volume, zone), codec, {
    from: start,
    sliceBytes: 4096,
    batchBytesMax: 100_000,
    isOfTheLog: (found) => found.generation === 3,
  });
  const { kind } = await reader.next(start.position + RING_UNITS);
  if (kind !== "batch") expect(reader.point).toEqual(start);
  return { kind, readBytes };
}

test("a batch is whole and in its place, or it is none", async () => {
  expect((await kindOf({})).kind).toBe("batch");
  expect((await kindOf({ batch: batchNumber(8) })).kind).toBe("none");
  expect((await kindOf({ batch: batchNumber(10) })).kind).toBe("none");
  expect((await kindOf({ position: start.position - RING_UNITS })).kind).toBe("none");
  expect((await kindOf({ position: start.position + 1 })).kind).toBe("none");
  expect((await kindOf({ generation: generation(2) })).kind).toBe("none");
  expect((await kindOf({ firstLsn: lsn(31) })).kind).toBe("unchained");
  expect((await kindOf({ previousChecksum: 1 })).kind).toBe("unchained");
});

test("no length or count is used that cannot be", async () => {
  for (const changes of [
    { usedBytes: 0 },
    { usedBytes: 96 },
    { usedBytes: 100_001 },
    { usedBytes: 0xffff_ffff },
    { entryCount: 0 },
    { entryCount: 38 },
    { entryCount: 0xffff_ffff },
  ]) {
    const { kind, readBytes } = await kindOf(changes);
    expect(kind, JSON.stringify(changes)).toBe("broken");
    // The slice, and the one behind it that is read ahead.
    expect(readBytes).toBe(2 * 4096);
  }
});

test("slices that are read at once may come in any order, and from beyond the ring's end", async () => {
  const BATCHES = 60;
  const memory = new MemoryVolume(RING_UNITS * UNIT_BYTES);
  const zone = { at: 0, ringBytes: RING_UNITS * UNIT_BYTES, unitBytes: UNIT_BYTES };
  const ring = new Ring(memory, zone);
  // So that some lie before the end of the ring and some behind its beginning.
  let point: LogPoint = { ...start, position: 6 * RING_UNITS - 50 };
  const from = point;
  for (let index = 0; index < BATCHES; index++) {
    const usedBytes = 200 + 37 * index;
    const units = ring.unitsOf(usedBytes);
    const content = new Uint8Array(units * UNIT_BYTES).fill(index + 1, 96, usedBytes);
    const { bytes, checksum } = sealBatch(codec, { ...good, ...point, usedBytes }, content);
    await ring.writeDurable(point.position, bytes.slice());
    point = {
      batch: batchNumber(point.batch + 1),
      position: point.position + units,
      firstLsn: lsn(point.firstLsn + good.entryCount),
      previousChecksum: checksum,
    };
  }

  let [turn, atOnce, atOnceMax] = [0, 0, 0];
  const late = new HookedVolume(memory, async () => {
    atOnceMax = Math.max(atOnceMax, ++atOnce);
    for (let wait = (turn++ * 7) % 11; wait > 0; wait--) await Promise.resolve();
    atOnce--;
  });
  const reader = new BatchReader(new Ring(late, zone), codec, {
    from,
    sliceBytes: 1024,
    slicesAhead: 3,
    nextBuffer: () => new Uint8Array(8 * 1024),
    batchBytesMax: 100_000,
    isOfTheLog: () => true,
  });
  for (let index = 0; index < BATCHES; index++) {
    const found = await reader.next(from.position + RING_UNITS);
    if (found.kind !== "batch") throw new Error(`batch ${index} is ${found.kind}`);
    const body = found.bytes.subarray(found.at + 96, found.at + found.header.usedBytes);
    expect(body.every((byte) => byte === index + 1)).toBe(true);
  }
  expect(reader.point).toEqual(point);
  expect(atOnceMax).toBe(3);
});
