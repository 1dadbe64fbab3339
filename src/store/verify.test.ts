import { expect, test } from "vitest";
import { hostWorld } from "../host/world.ts";
import type { LogZone } from "../log/log-zone.ts";
import { openVolumeEngine } from "../transactions/open-engine.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { formatStore, storeBytes } from "./format.ts";
import { defaultStoreOptions, type StoreOptions } from "./options.ts";
import { SuperblockZone } from "./superblock.ts";
import { inspectStore, verifyStore } from "./verify.ts";

const options: StoreOptions = {
  ...defaultStoreOptions,
  cacheBytes: 4 << 20,
  logBytes: 4 << 20,
  pagesBytes: 4 << 20,
};
const world = hostWorld();
const LONG_BYTES = 20_000;
const LONG_RING = { segmentBytes: 2 ** 50, ringBytes: 2 ** 50 };

/** A closed store of some hundred rows, a few of them long. */
async function closedStore(): Promise<MemoryVolume> {
  const volume = new MemoryVolume(storeBytes(options));
  await formatStore(world, volume, options);
  const engine = await openVolumeEngine(world, volume, options);
  await engine.run((step) => {
    for (let index = 0; index < 600; index++) {
      const length = index % 100 === 0 ? LONG_BYTES : 100;
      step.set(Uint8Array.of(1, index >> 8, index), new Uint8Array(length).fill(index));
    }
  });
  await engine.close();
  return new MemoryVolume(volume.image);
}

async function findingsOf(volume: MemoryVolume): Promise<readonly string[]> {
  const { findings } = await verifyStore(world, volume, () => undefined);
  return findings.map(({ where, problem }) => `${where}: ${problem}`);
}

async function flipBit(volume: MemoryVolume, at: number): Promise<void> {
  const byte = new Uint8Array(1);
  await volume.read(at, byte);
  byte[0] = (byte[0] as number) ^ 1;
  await volume.write(at, byte);
}

test("nothing is wrong with a store that was closed", async () => {
  const volume = await closedStore();
  const report = await verifyStore(world, volume, () => undefined);
  expect(report.findings).toEqual([]);
  expect(report.rowCount).toBe(600);
  expect(report.extentCount).toBe(6);
  expect(report.description.isCleanlyClosed).toBe(true);
  expect(report.description.tree.rowCount).toBe(600);
});

test("a flipped bit on any page in use is found", async () => {
  const clean = await closedStore();
  const { pages } = await inspectStore(world, clean);
  let found = 0;
  for (let page = 1; page < pages.pageCount; page++) {
    const volume = new MemoryVolume(clean.image.copy());
    await flipBit(volume, pages.at + page * pages.pageBytes + 40);
    if ((await findingsOf(volume)).length > 0) found++;
  }
  // Page 0 is marked as used too, and holds nothing.
  expect(found).toBe(pages.usedCount - 1);
});

test("a flipped bit in a copy of the superblock is found, and the store can still be read", async () => {
  const clean = await closedStore();
  for (let copy = 0; copy < 4; copy++) {
    const volume = new MemoryVolume(clean.image.copy());
    await flipBit(volume, copy * 16384 + 100);
    const findings = await findingsOf(volume);
    expect(findings).toHaveLength(1);
    expect(findings[0]).toContain(`copy ${copy}`);
    const engine = await openVolumeEngine(world, volume, options);
    expect(await engine.run((step) => step.count(Uint8Array.of(1)))).toBe(600);
    await engine.close();
  }
});

test.each<[string, (zone: LogZone) => LogZone]>([
  ["off its pages", (zone) => ({ ...zone, places: zone.places.map((at) => at && at + 4096) })],
  ["beyond its end", (zone) => ({ ...zone, places: zone.places.map((at) => at && at + 2 ** 40) })],
  ["too long for it", (zone) => ({ ...zone, ...LONG_RING, places: zone.places.slice(0, 1) })],
])("a log %s is refused, and found", async (_, change) => {
  const volume = await closedStore();
  const superblocks = await SuperblockZone.open(volume, world.checksums, async () => true);
  await superblocks.change((current) => ({ ...current, zone: change(current.zone) }));
  expect(await findingsOf(volume)).toContainEqual(expect.stringMatching(/no whole pages/u));
  const opened = openVolumeEngine(world, volume, options);
  await expect(opened).rejects.toMatchObject({ code: "ERR_CORRUPT" });
});

test("a volume that was not copied whole is told as that", async () => {
  const volume = await closedStore();
  const part = new Uint8Array(volume.sizeBytes - 16_384);
  await volume.read(0, part);
  const copy = new MemoryVolume(part.length);
  await copy.write(0, part);
  await expect(inspectStore(world, copy)).rejects.toThrow("if it is a copy, copy it whole");
  await expect(inspectStore(world, copy)).rejects.toMatchObject({ code: "ERR_CORRUPT" });
});

test("a store that is looked at is not changed", async () => {
  const volume = await closedStore();
  const before = new Uint8Array(volume.sizeBytes);
  await volume.read(0, before);
  await verifyStore(world, volume, () => undefined);
  await inspectStore(world, volume);
  const after = new Uint8Array(volume.sizeBytes);
  await volume.read(0, after);
  expect(Buffer.compare(before, after)).toBe(0);
});
