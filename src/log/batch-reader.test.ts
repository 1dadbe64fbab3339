/** What the reader of batches refuses, with headers that are whole and say what they should not. */

import { expect, test } from "vitest";
import { batchNumber, generation, lsn, viewNumber } from "../base/ids.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { Volume } from "../volume/volume.ts";
import { type BatchCodec, type BatchHeader, sealBatch } from "./batch-format.ts";
import { BatchReader } from "./batch-reader.ts";
import type { LogPoint } from "./log-zone.ts";
import { HookedVolume } from "./hooked-volume.suite.ts";
import { Ring } from "./ring.ts";
import { checksums, volumeId, wholeZone } from "./test-store.suite.ts";

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
  const memory = new MemoryVolume((1 + RING_UNITS) * UNIT_BYTES);
  const header = { ...good, ...changes };
  // Sealed as if it were shorter where no batch could be that long, so that the header is whole.
  const { bytes } = sealBatch(codec, { ...header, usedBytes: 700 }, new Uint8Array(1024));
  new DataView(bytes.buffer).setUint32(84, header.usedBytes, true);
  new DataView(bytes.buffer).setUint32(8, checksums.crc32(bytes.subarray(12, 96), 0), true);
  const checksum = checksums.crc32(bytes.subarray(8), header.previousChecksum);
  new DataView(bytes.buffer).setUint32(4, checksum, true);
  memory.image.write(8 * UNIT_BYTES, bytes);
  let readBytes = 0;
  const volume = new HookedVolume(memory, (_operation, _at, target) => {
    readBytes += target.length;
  });
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

/** Writes batches with so many bytes in use from `from` on; returns the point behind them. */
async function writeBatches(
  ring: Ring,
  from: LogPoint,
  sizes: readonly number[],
): Promise<LogPoint> {
  let point = from;
  for (const [index, usedBytes] of sizes.entries()) {
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
  return point;
}

const zone = wholeZone(UNIT_BYTES, RING_UNITS * UNIT_BYTES, UNIT_BYTES);

/** Two buffers in turn; one is spoilt when its turn comes again, as its owner may do. */
function spoiltInTurn(lengthBytes: number): () => Uint8Array {
  const buffers = [new Uint8Array(lengthBytes), new Uint8Array(lengthBytes)] as const;
  let turn = 0;
  return () => buffers[turn++ % 2 === 0 ? 0 : 1].fill(0xee);
}

test.each([
  ["that fit where the two buffers meet, or not", (index: number) => 200 + 37 * index],
  [
    "of which some are longer than a buffer",
    (index: number) => (index % 4 === 0 ? 150 + ((index * 5003) % 21_000) : 300),
  ],
])("slices may come in any order and from beyond the ring's end: batches %s", async (_, sizeOf) => {
  const memory = new MemoryVolume((1 + RING_UNITS) * UNIT_BYTES);
  const sizes = Array.from({ length: 60 }, (__, index) => sizeOf(index));
  // So that some lie before the end of the ring and some behind its beginning.
  const from: LogPoint = { ...start, position: 6 * RING_UNITS - 50 };
  const end = await writeBatches(new Ring(memory, zone), from, sizes);

  let [turn, atOnce, atOnceMax] = [0, 0, 0];
  const late = new HookedVolume(memory, async () => {
    atOnceMax = Math.max(atOnceMax, ++atOnce);
    for (let wait = (turn++ * 7) % 11; wait > 0; wait--) await Promise.resolve();
    atOnce--;
  });
  const reader = readerOf(late, from);
  const limit = from.position + RING_UNITS;
  let nowCount = 0;
  for (const index of sizes.keys()) {
    const now = reader.nextNow(limit);
    if (now !== undefined) nowCount++;
    const found = now ?? (await reader.next(limit));
    if (found.kind !== "batch") throw new Error(`batch ${index} is ${found.kind}`);
    const body = found.bytes.subarray(found.at + 96, found.at + found.header.usedBytes);
    expect(body.length).toBe((sizes[index] as number) - 96);
    expect(body.every((byte) => byte === index + 1)).toBe(true);
  }
  expect(reader.point).toEqual(end);
  expect(atOnceMax).toBe(3);
  expect(nowCount).toBeGreaterThan(0);
  expect((await reader.next(limit)).kind).toBe("none");
  await reader.settle();
});

/** Of three slices at once, into buffers that hold nothing when they are used again. */
function readerOf(volume: Volume, from: LogPoint): BatchReader {
  return new BatchReader(new Ring(volume, zone), codec, {
    from,
    sliceBytes: 1024,
    slicesAhead: 3,
    nextBuffer: spoiltInTurn(8 * 1024),
    batchBytesMax: 100_000,
    isOfTheLog: () => true,
  });
}

test("reading goes on while the end of a buffer is looked at", async () => {
  const memory = new MemoryVolume(RING_UNITS * UNIT_BYTES);
  const from: LogPoint = { ...start, position: 0 };
  await writeBatches(new Ring(memory, zone), from, Array<number>(200).fill(300));
  let readEnd = 0;
  const volume = new HookedVolume(memory, (_operation, at, target) => {
    readEnd = Math.max(readEnd, at + target.length);
  });
  const reader = readerOf(volume, from);
  for (let index = 0; index < 150; index++) {
    expect((await reader.next(RING_UNITS)).kind).toBe("batch");
    expect(readEnd).toBeGreaterThanOrEqual(reader.point.position * UNIT_BYTES + 3 * 1024);
  }
  await reader.settle();
});
