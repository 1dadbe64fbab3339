/** The superblock: its bytes, which copy is believed, and crashes and rot at every step. */

import { expect, test } from "vitest";
import { must } from "../base/assert.ts";
import { bestChecksums } from "../base/checksums.ts";
import { Fault, isFault } from "../base/fault.ts";
import { batchNumber, generation, lsn, pageNumber, viewNumber } from "../base/ids.ts";
import { HookedVolume } from "../log/hooked-volume.suite.ts";
import { CrashImages } from "../volume/crash-images.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { PagedImage } from "../volume/paged-image.ts";
import { RecordingVolume } from "../volume/recording-volume.ts";
import type { Volume } from "../volume/volume.ts";
import { SUPERBLOCK_ZONE_BYTES, SuperblockZone } from "./superblock.ts";
import {
  decodeSuperblock,
  encodeSuperblock,
  type Superblock,
  SUPERBLOCK_BYTES,
} from "./superblock-format.ts";

const checksums = bestChecksums();
const COPY_BYTES = 16_384;

/** Tells which one it is by its wall clock. */
function superblockOf(number: number): Superblock {
  return {
    volumeId: new Uint8Array(16).map((_, index) => index + 1),
    view: viewNumber(0x21),
    wallMs: number,
    cleanBatch: number % 2 === 0 ? undefined : batchNumber(0x31),
    zone: {
      ringBytes: 0x1000_0000,
      unitBytes: 4096,
      segmentBytes: 0x40_0000,
      places: Array.from({ length: 64 }, (_, segment) => (segment % 3) * (0x9100 + segment)),
    },
    pages: { at: 0x1001_0000, pageBytes: 16_384, pageCount: 0x41 },
    anchor: {
      batch: batchNumber(0x51),
      position: 0x52,
      firstLsn: lsn(0x53),
      replayFrom: lsn(0x54),
      previousChecksum: 0x55,
    },
    root: {
      level: 0x61,
      page: pageNumber(0x62),
      generation: 0x63,
      checksumLow: 0xfffffff4,
      checksumHigh: 0x65,
    },
    map: {
      firstPage: pageNumber(0x71),
      pageCount: 0x72,
      lengthBytes: 0x73,
      checksumLow: 0x74,
      checksumHigh: 0xfffffff5,
    },
    generations: [
      { generation: generation(0x81), firstBatch: batchNumber(0x82) },
      { generation: generation(2 ** 52), firstBatch: batchNumber(0x84) },
    ],
  };
}

const readable = async (): Promise<boolean> => true;
const unreadable = async (): Promise<boolean> => false;

async function open(volume: Volume, isReadable = readable): Promise<SuperblockZone> {
  return await SuperblockZone.open(volume, checksums, isReadable);
}

/** A volume on which superblocks 1 to `count` were written. */
async function written(count: number): Promise<MemoryVolume> {
  const volume = new MemoryVolume(SUPERBLOCK_ZONE_BYTES);
  await SuperblockZone.erase(volume);
  const zone = await SuperblockZone.format(volume, checksums, superblockOf(1));
  for (let number = 2; number <= count; number++) await zone.write(superblockOf(number));
  return volume;
}

function damage(image: PagedImage, copyIndex: number): void {
  image.write(copyIndex * COPY_BYTES + 60, Uint8Array.of(0xff));
}

async function numberOn(image: PagedImage, isReadable = readable): Promise<number> {
  return (await open(new MemoryVolume(image), isReadable)).current.wallMs;
}

async function refusal(image: PagedImage): Promise<unknown> {
  return await numberOn(image).catch((error: unknown) => error);
}

test("the fields have the documented places", () => {
  const bytes = encodeSuperblock(superblockOf(0x0102), 0x0304, 2, checksums);
  const view = new DataView(bytes.buffer);
  const u32 = (at: number): number => view.getUint32(at, true);
  const u64 = (at: number): number => Number(view.getBigUint64(at, true));
  expect(new TextDecoder().decode(bytes.subarray(0, 8))).toBe("Holdfast");
  checksums.xxh64(bytes.subarray(16), 2, 0);
  expect([u32(8), u32(12)]).toEqual([checksums.xxh64Low, checksums.xxh64High]);
  expect([view.getUint16(16, true), view.getUint16(18, true)]).toEqual([3, 0]);
  expect([u32(20), u64(24), bytes[32], bytes[47]]).toEqual([2, 0x0304, 1, 16]);
  expect([u64(48), u64(56), u64(64)]).toEqual([0x21, 0x0102, 0]);
  expect([u64(72), u64(80), u32(88)]).toEqual([0x40_0000, 0x1000_0000, 4096]);
  expect([u32(92), u64(96), u64(104)]).toEqual([16_384, 0x1001_0000, 0x41]);
  expect([u64(112), u64(120), u64(128), u64(136), u32(144)]).toEqual([
    0x51, 0x52, 0x53, 0x54, 0x55,
  ]);
  expect([u32(148), u64(152), u64(160), u32(168), u32(172)]).toEqual([
    0x61, 0x62, 0x63, 0xfffffff4, 0x65,
  ]);
  expect([u64(176), u64(184), u64(192), u32(200), u32(204)]).toEqual([
    0x71, 0x72, 0x73, 0x74, 0xfffffff5,
  ]);
  expect([u32(208), u64(216), u64(224), u64(232), u64(240)]).toEqual([
    2,
    0x81,
    0x82,
    2 ** 52,
    0x84,
  ]);
  expect([u64(1240), u64(1248), u64(1240 + 62 * 8)]).toEqual([0, 0x9101, 2 * 0x913e]);
  expect(bytes).toHaveLength(SUPERBLOCK_BYTES);
  expect(new DataView(encodeSuperblock(superblockOf(1), 1, 0, checksums).buffer).getUint8(64)).toBe(
    0x32,
  );
});

test("what was written is read, and a copy is valid in its place alone", () => {
  for (const number of [1, 2]) {
    const bytes = encodeSuperblock(superblockOf(number), 7, 3, checksums);
    expect(decodeSuperblock(bytes, 3, checksums)).toEqual({
      kind: "valid",
      sequence: 7,
      superblock: superblockOf(number),
    });
    for (const other of [0, 1, 2]) {
      expect(decodeSuperblock(bytes, other, checksums).kind).toBe("damaged");
    }
  }
});

test("no changed byte goes unnoticed", () => {
  const bytes = encodeSuperblock(superblockOf(1), 7, 3, checksums);
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.slice();
    changed[at] = (changed[at] ?? 0) ^ 0x04;
    expect(decodeSuperblock(changed, 3, checksums).kind, `byte ${at}`).not.toBe("valid");
  }
});

test("the last one written is believed, whichever copy rots", async () => {
  for (let count = 1; count <= 5; count++) {
    const { image } = await written(count);
    expect(await numberOn(image)).toBe(count);
    for (let copyIndex = 0; copyIndex < 4; copyIndex++) {
      const rotten = image.copy();
      damage(rotten, copyIndex);
      expect(await numberOn(rotten)).toBe(count);
    }
  }
});

test("a lone newer one is believed only if its root can be read, and is then healed", async () => {
  const { image } = await written(2);
  damage(image, 1);
  expect(await numberOn(image.copy(), unreadable)).toBe(1);

  const zone = await open(new MemoryVolume(image));
  expect(zone.needsHealing).toBe(true);
  await expect(zone.write(superblockOf(3))).rejects.toThrow(/two copies/);
  await zone.heal();
  expect(zone.needsHealing).toBe(false);
  damage(image, 0);
  expect(await numberOn(image)).toBe(2);
});

test("a lone copy is usable where it is all there is", async () => {
  const { image } = await written(3);
  for (let left = 0; left < 4; left++) {
    const lone = image.copy();
    for (let index = 0; index < 4; index++) if (index !== left) damage(lone, index);
    expect(await numberOn(lone)).toBe(left < 2 ? 2 : 3);
    await expect(numberOn(lone, unreadable)).rejects.toMatchObject({ code: "ERR_CORRUPT" });
  }
});

test("a copy that cannot be read counts as damaged", async () => {
  const memory = await written(3);
  for (let failing = 0; failing < 4; failing++) {
    const volume = new HookedVolume(memory, async (operation, at) => {
      if (operation === "read" && at === failing * COPY_BYTES) {
        await new MemoryVolume(0).read(0, new Uint8Array(1));
      }
    });
    expect((await open(volume)).current.wallMs).toBe(3);
  }
});

test("no sequence is used twice, though a crash or rot hid it", async () => {
  const { image } = await written(2);
  // One whose second copy was never written, and whose root is not readable either.
  const lone = encodeSuperblock(superblockOf(3), 3, 3, checksums);
  image.write(3 * COPY_BYTES, lone);
  const volume = new MemoryVolume(image);
  const zone = await open(volume, unreadable);
  expect(zone.current.wallMs).toBe(2);
  await zone.write(superblockOf(4));
  expect(zone.sequence).toBe(5);
  expect(await numberOn(image)).toBe(4);
});

test("nor though two copies could not be read for a while", async () => {
  const memory = await written(4);
  let isUnreadable = true;
  let isStopped = false;
  const volume = new HookedVolume(memory, (operation, at) => {
    const isFirst = at === 0;
    if (operation === "write" && !isFirst) isStopped = true;
    if (isStopped) throw new Fault("ERR_IO", "stopped");
    const isNewest = at < 2 * COPY_BYTES;
    if (operation === "read" && isUnreadable && isNewest) throw new Fault("ERR_IO", "unreadable");
  });
  const zone = await open(volume);
  expect(zone.current.wallMs).toBe(3);
  await expect(zone.write(superblockOf(5))).rejects.toThrow("stopped");
  isUnreadable = false;
  const found = await open(memory);
  expect(found.current.wallMs).toBe(5);
  expect(found.needsHealing).toBe(true);
});

test.each(["process", "power"] as const)(
  "a %s crash at every step, and the rot of any one copy, leave the last or the one under way",
  async (crash) => {
    const recording = new RecordingVolume((await written(1)).image);
    const zone = await open(recording);
    const donePoints = [{ number: 1, point: 0 }];
    for (let number = 2; number <= 6; number++) {
      await zone.write(superblockOf(number));
      donePoints.push({ number, point: recording.point });
    }
    const images = new CrashImages(recording, crash);
    for (let point = 0; point <= recording.point; point++) {
      const last = must(
        donePoints.findLast((done) => done.point <= point),
        "the first",
      ).number;
      for (let seed = 0; seed < 4; seed++) {
        const image = images.after(point, seed);
        for (let rotten = -1; rotten < 4; rotten++) {
          const candidate = image.copy();
          if (0 <= rotten) damage(candidate, rotten);
          const volume = new MemoryVolume(candidate);
          const found = await open(volume);
          expect([last, last + 1]).toContain(found.current.wallMs);
          // And it can go on from there.
          await found.heal();
          await found.write(superblockOf(99));
          expect(await numberOn(candidate)).toBe(99);
        }
      }
    }
  },
);

test("a crash at every step of a format leaves no store, or the whole one", async () => {
  const recording = new RecordingVolume((await written(5)).image);
  await SuperblockZone.erase(recording);
  const erased = recording.point;
  await SuperblockZone.format(recording, checksums, { ...superblockOf(7), wallMs: 7 });
  const images = new CrashImages(recording, "power");
  for (let point = erased; point <= recording.point; point++) {
    for (let seed = 0; seed < 6; seed++) {
      const found = await numberOn(images.after(point, seed)).catch((error: unknown) => error);
      if (found !== 7) expect(isFault(found)).toBe(true);
      if (point === recording.point) expect(found).toBe(7);
    }
  }
});

test("what is no store, of another version, or beyond help is told apart", async () => {
  const empty = await refusal(new MemoryVolume(SUPERBLOCK_ZONE_BYTES).image);
  expect(isFault(empty, "ERR_FORMAT")).toBe(true);
  expect(String(empty)).toMatch(/holds no store/);
  expect(isFault(await refusal(new MemoryVolume(10).image), "ERR_FORMAT")).toBe(true);

  const damaged = (await written(3)).image;
  for (let index = 0; index < 4; index++) damage(damaged, index);
  expect(String(await refusal(damaged))).toMatch(/restore a backup/);
  expect(isFault(await refusal(damaged), "ERR_CORRUPT")).toBe(true);

  // Whole and of a later version, in one copy: this program must not go on from an older one.
  const later = (await written(3)).image;
  const bytes = encodeSuperblock(superblockOf(4), 4, 0, checksums);
  bytes[16] = 4;
  checksums.xxh64(bytes.subarray(16), 0, 0);
  new DataView(bytes.buffer).setUint32(8, checksums.xxh64Low, true);
  new DataView(bytes.buffer).setUint32(12, checksums.xxh64High, true);
  later.write(0, bytes);
  expect(String(await refusal(later))).toMatch(/format version 4.*upgrade/);

  // Of a version so different that its checksums lie elsewhere.
  const foreign = (await written(3)).image;
  for (let index = 0; index < 4; index++) foreign.write(index * COPY_BYTES + 16, Uint8Array.of(9));
  expect(isFault(await refusal(foreign), "ERR_FORMAT")).toBe(true);
});

test("copies of two stores are refused", async () => {
  const { image } = await written(3);
  const other = { ...superblockOf(9), volumeId: new Uint8Array(16).fill(9) };
  image.write(0, encodeSuperblock(other, 2, 0, checksums));
  await expect(numberOn(image)).rejects.toThrow(/two different stores/);
});
