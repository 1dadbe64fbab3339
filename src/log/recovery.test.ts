/** Where the log ends: what is cut off, what is refused, and what recovery does to the volume. */

import { expect, test } from "vitest";
import { must } from "../base/assert.ts";
import { Fault, isFault } from "../base/fault.ts";
import { batchNumber, generation, lsn } from "../base/ids.ts";
import { SuperblockZone } from "../store/superblock.ts";
import type { MemoryVolume } from "../volume/memory-volume.ts";
import type { PagedImage } from "../volume/paged-image.ts";
import { RecordingVolume } from "../volume/recording-volume.ts";
import { BATCH_HEADER_BYTES, type FoundHeader, sealBatch } from "./batch-format.ts";
import { evidence, type LogHistory } from "./end-of-log.ts";
import { ENTRY_HEADER_BYTES } from "./entry.ts";
import { HookedVolume } from "./hooked-volume.suite.ts";
import { naiveRecoverLog } from "./naive-recovery.suite.ts";
import { recoverLog } from "./recovery.ts";
import {
  bodyOf,
  checksums,
  firstSuperblock,
  freshVolume,
  hex,
  segmentedGeometry,
  seenOf,
  type Seen,
  smallGeometry,
  TestStore,
  volumeId,
  volumeOver,
} from "./test-store.suite.ts";

const RING_AT = 65_536;
const UNIT_BYTES = smallGeometry.unitBytes;

interface Stopped {
  readonly image: PagedImage;
  /** For each batch: its place on the volume, and the last entry in it. */
  readonly batches: readonly {
    readonly at: number;
    readonly length: number;
    readonly last: number;
  }[];
  readonly bodies: readonly string[];
}

/** Some batches of one to four units, stopped without notice or shut down. */
async function stoppedStore(stop: "clean" | "unclean", batchCount = 8): Promise<Stopped> {
  const volume = await freshVolume();
  const store = await TestStore.open(volume, smallGeometry);
  const batches: { at: number; length: number; last: number }[] = [];
  const bodies: string[] = [];
  for (let tag = 1; tag <= batchCount; tag++) {
    const first = store.log.durablePosition;
    for (const length of [20 + tag, 90 * tag]) {
      const body = bodyOf(tag, length);
      store.append(1, body);
      bodies.push(hex(body));
    }
    await store.settle();
    const length = (store.log.durablePosition - first) * UNIT_BYTES;
    batches.push({ at: RING_AT + first * UNIT_BYTES, length, last: store.log.durableLsn });
  }
  if (stop === "clean") await store.close();
  return { image: volume.image, batches, bodies };
}

async function recoveredBodies(
  image: PagedImage,
  recover: typeof recoverLog = recoverLog,
): Promise<string[]> {
  const store = await TestStore.open(volumeOver(image), smallGeometry, recover);
  return store.recovered.map(({ body }) => body);
}

function flip(image: PagedImage, at: number): void {
  const byte = new Uint8Array(1);
  image.read(at, byte);
  image.write(
    at,
    byte.map((value) => value ^ 0x10),
  );
}

test.each(["clean", "unclean"] as const)(
  "one changed byte anywhere in any batch, after a %s stop, is never taken for data",
  async (stop) => {
    const { image, batches, bodies } = await stoppedStore(stop);
    for (const [index, { at, length }] of batches.entries()) {
      const isLast = index === batches.length - 1;
      for (let offset = 0; offset < length; offset += offset < 128 ? 1 : 41) {
        const changed = image.copy();
        flip(changed, at + offset);
        if (isLast && stop === "unclean") {
          const kept = must(batches.at(-2), "there are two").last;
          expect(await recoveredBodies(changed)).toEqual(bodies.slice(0, kept));
        } else {
          await expect(recoveredBodies(changed)).rejects.toMatchObject({
            code: "ERR_CORRUPT",
            details: { at, batch: index + 1 },
          });
        }
      }
    }
  },
);

test("the rule that the first bad batch ends the log loses acknowledged entries", async () => {
  const { image, batches, bodies } = await stoppedStore("unclean");
  flip(image, must(batches[2], "there are eight").at + 200);
  // What everybody writes first: it silently forgets six batches of eight.
  expect(await recoveredBodies(image.copy(), naiveRecoverLog)).toEqual(bodies.slice(0, 4));
  const refusal: unknown = await recoveredBodies(image).catch((error: unknown) => error);
  expect(isFault(refusal, "ERR_CORRUPT")).toBe(true);
  expect(String(refusal)).toMatch(/batch 3 of the log, at byte \d+ of "memory".*restore a backup/s);
});

test("a refusal changes nothing", async () => {
  const { image, batches } = await stoppedStore("unclean");
  flip(image, must(batches[2], "there are eight").at + 200);
  const recording = new RecordingVolume(image.copy(), { name: "r", writeUnitBytes: UNIT_BYTES });
  await expect(TestStore.open(recording, smallGeometry)).rejects.toThrow(Fault);
  expect(recording.writes).toEqual([]);
});

test("rot of a batch and a torn batch behind it: its header alone is proof", async () => {
  const { image, batches } = await stoppedStore("unclean");
  const [rotten, torn] = [must(batches.at(-2), "eight"), must(batches.at(-1), "eight")];
  flip(image, rotten.at + 300);
  image.write(torn.at + UNIT_BYTES, new Uint8Array(torn.length - UNIT_BYTES));
  await expect(recoveredBodies(image)).rejects.toMatchObject({ code: "ERR_CORRUPT" });
});

test("rot of the last batch is noticed once the store was opened again", async () => {
  const { image, batches } = await stoppedStore("unclean");
  await TestStore.open(volumeOver(image), smallGeometry);
  flip(image, must(batches.at(-1), "eight").at + 300);
  await expect(recoveredBodies(image)).rejects.toThrow(/everything before batch 9/);
});

test("rot of the last batch is noticed where a checkpoint holds part of it", async () => {
  const volume = await freshVolume();
  const store = await TestStore.open(volume, smallGeometry);
  for (let tag = 1; tag <= 2; tag++) store.append(1, bodyOf(tag, 100));
  await store.settle();
  await store.checkpoint(lsn(1));
  flip(volume.image, RING_AT + 200);
  await expect(recoveredBodies(volume.image)).rejects.toThrow(/before entry 2/);
});

test("a batch of another history is no continuation, and is not cut off as torn", async () => {
  const ours = await freshVolume();
  const store = await TestStore.open(ours, smallGeometry);
  store.append(1, bodyOf(1, 100));
  await store.settle();
  const theirs = volumeOver(ours.image.copy());
  // The same generation goes on twice, as when half a disk is put back.
  await appendTwo(store, 2);
  const fork = await TestStore.open(theirs, smallGeometry);
  await appendTwo(fork, 20);
  const lastOfTheirs = new Uint8Array(UNIT_BYTES);
  theirs.image.read(RING_AT + 2 * UNIT_BYTES, lastOfTheirs);
  const view = new DataView(lastOfTheirs.buffer);
  view.setUint32(32, 2, true);
  view.setUint32(8, checksums.crc32(lastOfTheirs.subarray(12, 96), 0), true);
  ours.image.write(RING_AT + 2 * UNIT_BYTES, lastOfTheirs);
  await expect(recoveredBodies(ours.image)).rejects.toThrow(/does not continue the batch before/);
});

async function appendTwo(store: TestStore, firstTag: number): Promise<void> {
  for (const tag of [firstTag, firstTag + 1]) {
    store.append(1, bodyOf(tag, 100));
    await store.settle();
  }
}

test("evidence is found anywhere in a large ring", async () => {
  const large = { unitBytes: 4096, ringUnits: 1024, arenaBytes: 65_536 };
  const volume = await freshVolume(large);
  const store = await TestStore.open(volume, large);
  for (let tag = 1; tag <= 900; tag++) {
    store.append(1, bodyOf(tag, 100));
    await store.settle();
  }
  // All that is left of what followed the damage is one unit, far behind it.
  const only = 777;
  volume.image.write(RING_AT + 4096, new Uint8Array((only - 1) * 4096));
  volume.image.write(RING_AT + (only + 1) * 4096, new Uint8Array((1023 - only) * 4096));
  await expect(TestStore.open(volume, large)).rejects.toThrow(/batch 778 was written after it/);
});

test("the rest of the ring is read by several reads at once, and none is under way behind it", async () => {
  const large = { unitBytes: 4096, ringUnits: 2048, arenaBytes: 65_536 };
  const inner = await freshVolume(large);
  const store = await TestStore.open(inner, large);
  await appendTwo(store, 1);
  const superblocks = await SuperblockZone.open(inner, checksums, async () => true);
  for (const isBroken of [false, true]) {
    if (isBroken) inner.image.write(RING_AT, new Uint8Array(4096));
    let [atOnce, atOnceMax] = [0, 0];
    const late = new HookedVolume(inner, async (operation, at) => {
      if (operation !== "read") return;
      atOnce++;
      // Nearer to the beginning, batches were looked for ahead.
      if (RING_AT + (4 << 20) <= at) atOnceMax = Math.max(atOnceMax, atOnce);
      for (let wait = 0; wait < 20; wait++) await Promise.resolve();
      atOnce--;
    });
    const recovering = recoverLog(late, checksums, superblocks.current, () => undefined);
    const outcome: unknown = await recovering.catch((error: unknown) => error);
    expect(isFault(outcome, "ERR_CORRUPT")).toBe(isBroken);
    if (!isBroken) expect(atOnceMax).toBeGreaterThan(1);
    expect(atOnce).toBe(0);
  }
});

test("lost writes are noticed, but for the very last one before an unclean stop", async () => {
  for (const stop of ["clean", "unclean"] as const) {
    const { writes, before, bodies } = await recordedRun(stop);
    const ofLog = writes.filter(({ at }) => RING_AT <= at);
    for (const lost of writes) {
      const image = before.copy();
      for (const write of writes) if (write !== lost) image.write(write.at, write.bytes);
      if (stop === "unclean" && lost === ofLog.at(-1)) {
        expect(await recoveredBodies(image)).toEqual(bodies.slice(0, -1));
      } else {
        await expectAllOrRefusal(image, bodies, RING_AT <= lost.at);
      }
    }
  }
});

test("misdirected writes are noticed, the very last one too", async () => {
  for (const stop of ["clean", "unclean"] as const) {
    const { writes, before, bodies } = await recordedRun(stop);
    for (const wrong of writes.filter(({ at }) => RING_AT <= at)) {
      for (let unit = 0; unit < smallGeometry.ringUnits - 8; unit += 3) {
        const at = RING_AT + unit * UNIT_BYTES;
        if (at === wrong.at) continue;
        const image = before.copy();
        for (const write of writes) image.write(write === wrong ? at : write.at, write.bytes);
        await expectAllOrRefusal(image, bodies, false);
      }
    }
  }
});

/** Every write of a run of batches of one entry, and what it was made on. */
async function recordedRun(stop: "clean" | "unclean"): Promise<{
  writes: readonly { readonly at: number; readonly bytes: Uint8Array }[];
  before: PagedImage;
  bodies: readonly string[];
}> {
  const recording = new RecordingVolume((await freshVolume()).image, {
    name: "recording",
    writeUnitBytes: UNIT_BYTES,
  });
  const store = await TestStore.open(recording, smallGeometry);
  const bodies: string[] = [];
  for (let tag = 1; tag <= 8; tag++) {
    const body = bodyOf(tag, 180 * tag);
    store.append(1, body);
    bodies.push(hex(body));
    await store.settle();
  }
  if (stop === "clean") await store.close();
  return { writes: recording.writes, before: recording.before, bodies };
}

async function expectAllOrRefusal(
  image: PagedImage,
  bodies: readonly string[],
  mustRefuse: boolean,
): Promise<void> {
  const found = await recoveredBodies(image).catch((error: unknown) => {
    if (isFault(error, "ERR_CORRUPT")) return undefined;
    throw error;
  });
  if (mustRefuse) expect(found).toBeUndefined();
  else if (found !== undefined) expect(found).toEqual(bodies);
}

test("an older superblock than the log is refused, not believed", async () => {
  const volume = await freshVolume();
  const old = new Uint8Array(RING_AT);
  const store = await TestStore.open(volume, smallGeometry);
  for (let tag = 1; tag <= 3; tag++) store.append(1, bodyOf(tag, 100));
  await store.close();
  volume.image.read(0, old);
  const again = await TestStore.open(volume, smallGeometry);
  again.append(1, bodyOf(4, 100));
  await again.settle();
  volume.image.write(0, old);
  await expect(recoveredBodies(volume.image)).rejects.toThrow(/generation 3, which no superblock/);
});

test("an older superblock is refused even when the ring was written over since", async () => {
  const volume = await freshVolume();
  const store = await TestStore.open(volume, smallGeometry);
  const old = new Uint8Array(RING_AT);
  volume.image.read(0, old);
  for (let tag = 1; tag <= 200; tag++) {
    store.append(1, bodyOf(tag, 300));
    await store.settle();
    if (tag % 10 === 0) await store.checkpoint(store.log.durableLsn);
  }
  volume.image.write(0, old);
  await expect(recoveredBodies(volume.image)).rejects.toThrow(/was written after it/);
});

test("where an older superblock has no more places, the log is not taken to end", async () => {
  // Batches of five units, of which one lies across the end of the third segment, or of four.
  for (const [length, isCrossing] of [
    [2000, true],
    [1700, false],
  ] as const) {
    const volume = await freshVolume(segmentedGeometry);
    const store = await TestStore.open(volume, segmentedGeometry);
    for (let tag = 1; tag <= 5; tag++) {
      store.append(1, bodyOf(tag, length));
      await store.settle();
    }
    const { current } = store.superblocks;
    const places = current.zone.places.map((at, segment) => (segment < 3 ? at : 0));
    const zone = { ...current.zone, places };
    const recover = async (mayBeOlder: boolean): Promise<unknown> =>
      await recoverLog(volume, checksums, { ...current, zone, mayBeOlder }, () => undefined).catch(
        (error: unknown) => error,
      );
    expect(String(await recover(true))).toMatch(/a newer superblock, which is lost/u);
    expect(isFault(await recover(false), "ERR_CORRUPT")).toBe(isCrossing);
  }
});

test("forged headers in the data of a torn batch are no evidence", async () => {
  const volume = await freshVolume();
  const store = await TestStore.open(volume, smallGeometry);
  store.append(1, bodyOf(1, 50));
  await store.settle();
  const forged = forgedHeader();
  const body = new Uint8Array(2000);
  const firstBodyAt = BATCH_HEADER_BYTES + ENTRY_HEADER_BYTES;
  for (let unit = 1; unit < 4; unit++) body.set(forged, unit * UNIT_BYTES - firstBodyAt);
  store.append(1, body);
  await store.settle();
  // The sector with the batch's own header was not written.
  volume.image.write(RING_AT + UNIT_BYTES, new Uint8Array(UNIT_BYTES));
  expect(await recoveredBodies(volume.image.copy())).toEqual([hex(bodyOf(1, 50))]);

  // The forgery is a good one: had the log written it as it is, the store would not open.
  volume.image.write(RING_AT + 2 * UNIT_BYTES, forged);
  await expect(recoveredBodies(volume.image)).rejects.toThrow(/batch 9 was written after it/);
});

/** Made with everything that a user could know, and more. */
function forgedHeader(): Uint8Array {
  const { bytes } = sealBatch(
    { volumeId, unitBytes: UNIT_BYTES, checksums },
    {
      generation: generation(2),
      view: must(firstSuperblock(smallGeometry).view, "there is one"),
      batch: batchNumber(9),
      firstLsn: lsn(9),
      durableThrough: lsn(8),
      position: 3,
      entryCount: 1,
      usedBytes: 200,
      previousChecksum: 1,
    },
    new Uint8Array(UNIT_BYTES),
  );
  return bytes.subarray(0, BATCH_HEADER_BYTES);
}

/** Of batch 20, in its place, except for the changes. */
function header(changes: Partial<FoundHeader>): FoundHeader {
  return {
    generation: generation(6),
    view: firstSuperblock(smallGeometry).view,
    batch: batchNumber(20),
    firstLsn: lsn(100),
    durableThrough: lsn(99),
    position: 50,
    entryCount: 1,
    usedBytes: 200,
    previousChecksum: 5,
    mask: 0,
    checksum: 7,
    ...changes,
  };
}

test("what shows that a batch was durable", () => {
  const history: LogHistory = {
    generations: [
      { generation: generation(4), firstBatch: batchNumber(1) },
      { generation: generation(6), firstBatch: batchNumber(10) },
    ],
    cleanBatch: undefined,
    replayFrom: lsn(1),
  };
  const end = { batch: batchNumber(20), position: 50, firstLsn: lsn(100), previousChecksum: 5 };
  expect(evidence(history, end, header({}), 50)).toBeUndefined();
  expect(evidence(history, end, header({ batch: batchNumber(21) }), 60)).toMatch(/after it/);
  expect(evidence(history, end, header({ durableThrough: lsn(100) }), 50)).toMatch(/entry 100/);
  expect(evidence(history, end, header({}), 51)).toMatch(/elsewhere/);
  expect(evidence(history, end, header({ generation: generation(7) }), 50)).toMatch(
    /no superblock/,
  );
  // Cut off when generation 6 began.
  const stale = header({ batch: batchNumber(21), generation: generation(4) });
  expect(evidence(history, end, stale, 60)).toBeUndefined();
});

test("batches that were cut off stay cut off", async () => {
  const { image } = await stoppedStore("unclean");
  const superblocks = await SuperblockZone.open(volumeOver(image), checksums, async () => true);
  // As after a replica took back what its group never settled: a generation begins at batch 5.
  const generations = [
    { generation: generation(1), firstBatch: batchNumber(1) },
    { generation: generation(2), firstBatch: batchNumber(1) },
    { generation: generation(3), firstBatch: batchNumber(5) },
  ];
  await superblocks.write({ ...superblocks.current, generations });
  const store = await TestStore.open(volumeOver(image), smallGeometry);
  expect(store.log.appendedLsn).toBe(8);
  const body = bodyOf(77, 10);
  expect(store.append(1, body)).toBe(9);
  await store.settle();
  expect((await recoveredBodies(image)).slice(8)).toEqual([hex(body)]);
});

test("the volume is synced first; an unclean stop has the last batch written again", async () => {
  for (const stop of ["unclean", "clean"] as const) {
    const { image, batches } = await stoppedStore(stop);
    const last = must(batches.at(-1), "eight");
    const operations: string[] = [];
    const volume = new HookedVolume(volumeOver(image), (operation, at, bytes) => {
      if (operation === "write") {
        const present = new Uint8Array(bytes.length);
        image.read(at, present);
        expect(bytes).toEqual(present);
      }
      operations.push(operation === "write" ? `write ${bytes.length} at ${at}` : operation);
    });
    const superblocks = await SuperblockZone.open(volumeOver(image), checksums, async () => true);
    await recoverLog(volume, checksums, superblocks.current, () => undefined);
    expect(operations[0]).toBe("sync");
    const writes = operations.filter((operation) => operation.startsWith("write"));
    expect(writes).toEqual(stop === "clean" ? [] : [`write ${last.length} at ${last.at}`]);
  }
});

test("a disk that reads differently the second time is not written to", async () => {
  const { image, batches } = await stoppedStore("unclean");
  const last = must(batches.at(-1), "eight");
  const superblocks = await SuperblockZone.open(volumeOver(image), checksums, async () => true);
  const volume = new HookedVolume(volumeOver(image), (operation, at, bytes) => {
    if (operation === "read" && at === last.at && bytes.length === last.length) bytes[300] = 1;
    expect(operation).not.toBe("write");
  });
  await expect(recoverLog(volume, checksums, superblocks.current, () => undefined)).rejects.toThrow(
    /differently/,
  );
});

test("a read that fails is reported, and nothing is cut off for it", async () => {
  const { image } = await stoppedStore("unclean");
  const superblocks = await SuperblockZone.open(volumeOver(image), checksums, async () => true);
  for (let failing = 0; ; failing++) {
    let reads = 0;
    const volume = new HookedVolume(volumeOver(image), (operation) => {
      if (operation !== "read") return;
      if (reads++ === failing) throw new Fault("ERR_IO", "unreadable");
    });
    const recovering = recoverLog(volume, checksums, superblocks.current, () => undefined);
    const outcome: unknown = await recovering.catch((error: unknown) => error);
    if (reads <= failing) {
      expect(failing).toBeGreaterThan(1);
      return;
    }
    expect(isFault(outcome, "ERR_IO")).toBe(true);
  }
});

test("visitors that wait are waited for", async () => {
  const { image, bodies } = await stoppedStore("clean");
  const superblocks = await SuperblockZone.open(volumeOver(image), checksums, async () => true);
  const seen: Seen[] = [];
  await recoverLog(volumeOver(image), checksums, superblocks.current, async (entry) => {
    const one = seenOf(entry);
    await Promise.resolve();
    expect(seenOf(entry)).toEqual(one);
    seen.push(one);
  });
  expect(seen.map(({ body }) => body)).toEqual(bodies);
});

test("a volume with a larger write unit than the log's is refused", async () => {
  const { image } = await stoppedStore("clean");
  const larger = volumeOver(image, { ...smallGeometry, unitBytes: 4096 });
  await expect(openWith(larger)).rejects.toThrow(/units of 512 bytes.*restore a backup/s);
});

async function openWith(volume: MemoryVolume): Promise<void> {
  await TestStore.open(volume, smallGeometry);
}
