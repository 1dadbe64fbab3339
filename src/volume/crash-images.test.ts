import fc from "fast-check";
import { expect, test } from "vitest";
import { type Crash, CrashImages } from "./crash-images.ts";
import { RecordingVolume } from "./recording-volume.ts";
import { testVolume } from "./volume.suite.ts";

const SECTORS = 16;
const SECTOR_BYTES = 512;

testVolume("a recording", async () => {
  const volume = new RecordingVolume(65_536);
  const reopen = async () => {
    await volume.close();
    const images = new CrashImages(volume, "power");
    return new RecordingVolume(images.after(volume.point, 1));
  };
  return { volume, reopen };
});

test("what was durable survives, what was begun may, and nothing else appears", async () => {
  await fc.assert(fc.asyncProperty(fc.array(arbitraryStep(), { maxLength: 25 }), fc.nat(), run), {
    seed: 5,
    numRuns: 60,
  });
});

test("a loss of power shows writes kept, lost, torn and in the other order", async () => {
  const volume = new RecordingVolume(8192);
  await volume.write(0, new Uint8Array(4096).fill(1));
  await volume.write(4096, new Uint8Array(4096).fill(2));
  const images = new CrashImages(volume, "power");
  const seen = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const bytes = new Uint8Array(8192);
    images.after(volume.point, seed).read(0, bytes);
    const kinds = [0, 4096].map((at) => kindOf(bytes.subarray(at, at + 4096)));
    seen.add(kinds.join(" "));
  }
  for (const wanted of ["old old", "old new", "new old", "new new", "torn new", "old torn"]) {
    expect(seen).toContain(wanted);
  }
});

test("a killed process leaves the beginning of what it was writing", async () => {
  const volume = new RecordingVolume(4096);
  const writing = volume.write(0, new Uint8Array(4096).fill(1));
  const point = volume.point;
  await writing;
  const counts = new Set<number>();
  for (let seed = 0; seed < 40; seed++) {
    const bytes = new Uint8Array(4096);
    new CrashImages(volume, "process").after(point, seed).read(0, bytes);
    const count = bytes.indexOf(0) === -1 ? 8 : bytes.indexOf(0) / SECTOR_BYTES;
    expect(bytes.subarray(count * SECTOR_BYTES).every((byte) => byte === 0)).toBe(true);
    counts.add(count);
  }
  expect(counts.size).toBe(9);
});

test("all writes to parts of a sector are there that ended, in whatever order", async () => {
  const releases: (() => void)[] = [];
  const volume = new RecordingVolume(512, undefined, async () => {
    await new Promise<void>((resolve) => releases.push(resolve));
  });
  const first = volume.writeDurable(0, new Uint8Array(128).fill(1));
  const second = volume.writeDurable(64, new Uint8Array(128).fill(2));
  const third = volume.write(256, new Uint8Array(64).fill(3));
  releases[1]?.();
  await second;
  releases[0]?.();
  await first;
  for (const crash of ["process", "power"] as const) {
    const images = new CrashImages(volume, crash);
    for (let point = 0; point < volume.point; point++) images.after(point, 1);
    const bytes = read(images, volume.point);
    const values = [0, 64, 128, 192].map((at) => bytes[at]);
    expect(values).toEqual([1, 2, 2, 0]);
  }
  releases[2]?.();
  await third;
});

test.each(["process", "power"] as const)("a crash of the %s cuts all or nothing", async (crash) => {
  const volume = new RecordingVolume(8192);
  await volume.write(0, new Uint8Array(4096).fill(1));
  await volume.write(4096, new Uint8Array(4096).fill(2));
  const before = volume.point;
  const cutting = volume.shrink(4096);
  const during = volume.point;
  await cutting;
  const after = volume.point;
  await volume.grow(8192);
  const images = new CrashImages(volume, crash);
  const sizes = (point: number): ReadonlySet<number> =>
    new Set(Array.from({ length: 30 }, (_, seed) => read(images, point, seed).length));
  expect(sizes(before)).toEqual(new Set([8192]));
  expect(sizes(during)).toEqual(new Set([4096, 8192]));
  expect(sizes(after)).toEqual(new Set([4096]));
  for (let seed = 0; seed < 30; seed++) {
    expect(read(images, volume.point, seed).subarray(4096)).toEqual(new Uint8Array(4096));
  }
});

test("a sync covers what had ended when it began, and nothing else", async () => {
  const volume = new RecordingVolume(4096);
  const writing = volume.write(0, new Uint8Array(512).fill(1));
  await volume.sync();
  await writing;
  const images = new CrashImages(volume, "power");
  const held = Array.from({ length: 30 }, (_, seed) => read(images, volume.point, seed)[0]);
  expect(new Set(held)).toEqual(new Set([0, 1]));
  await volume.sync();
  const later = new CrashImages(volume, "power");
  for (let seed = 0; seed < 30; seed++) expect(read(later, volume.point, seed)[0]).toBe(1);
});

test("the same seed gives the same image, in whatever order images are asked for", async () => {
  const volume = new RecordingVolume(65_536);
  for (let value = 1; value < 40; value++) {
    await volume.write(((value * 7) % 30) * 2048, new Uint8Array(3072).fill(value));
    if (value % 9 === 0) await volume.sync();
  }
  const forwards = new CrashImages(volume, "power");
  const points = Array.from({ length: volume.point + 1 }, (_, point) => point);
  const ascending = points.map((point) => read(forwards, point));
  for (const point of points.toReversed()) {
    const expected = Buffer.from(ascending[point] ?? []);
    expect(expected.equals(read(new CrashImages(volume, "power"), point))).toBe(true);
    expect(expected.equals(read(forwards, point))).toBe(true);
  }
});

interface Step {
  readonly kind: "write" | "durable" | "now" | "sync";
  readonly sector: number;
  readonly count: number;
  readonly waits: boolean;
}

function arbitraryStep(): fc.Arbitrary<Step> {
  return fc.record({
    kind: fc.constantFrom("write", "write", "durable", "now", "sync"),
    sector: fc.nat(SECTORS - 1),
    count: fc.integer({ min: 1, max: 4 }),
    waits: fc.boolean(),
  });
}

/** Runs the steps and compares images with sets of values that each sector may have. */
async function run(steps: readonly Step[], seed: number): Promise<void> {
  const volume = new RecordingVolume(SECTORS * SECTOR_BYTES);
  const underWay: Promise<unknown>[] = [];
  let value = 0;
  for (const { kind, sector, count, waits } of steps) {
    const end = Math.min(SECTORS, sector + count);
    const bytes = new Uint8Array((end - sector) * SECTOR_BYTES).fill(++value);
    const at = sector * SECTOR_BYTES;
    if (kind === "write") underWay.push(volume.write(at, bytes));
    else if (kind === "durable") underWay.push(volume.writeDurable(at, bytes));
    else if (kind === "sync") underWay.push(volume.sync());
    else volume.writeDurableNow(at, bytes);
    if (waits) await Promise.all(underWay.splice(0));
  }
  await Promise.all(underWay);

  for (const crash of ["process", "power"] as const) {
    const images = new CrashImages(volume, crash);
    for (let point = 0; point <= volume.point; point++) {
      const bytes = read(images, point, seed);
      for (let sector = 0; sector < SECTORS; sector++) {
        const held = bytes.subarray(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
        const whole = held.every((byte) => byte === held[0]);
        const legal = legalValues(volume, crash, point, sector);
        if (whole && legal.includes(held[0])) continue;
        expect.fail(
          `${crash} at ${point}: sector ${sector} holds ${held[0]}, not of ${legal.join()}`,
        );
      }
    }
  }
}

function legalValues(
  volume: RecordingVolume,
  crash: Crash,
  point: number,
  sector: number,
): readonly (number | undefined)[] {
  const at = sector * SECTOR_BYTES;
  const writes = volume.writes
    .filter((write) => write.at <= at && at < write.at + write.bytes.length)
    .filter((write) => write.begun <= point);
  const settled = writes.findLastIndex(
    (write) => (crash === "process" ? write.ended : write.durable) <= point,
  );
  const base = settled === -1 ? [0] : [];
  return [...base, ...writes.slice(Math.max(0, settled)).map((write) => write.bytes[0])];
}

function read(images: CrashImages, point: number, seed = 1): Uint8Array {
  const image = images.after(point, seed);
  const bytes = new Uint8Array(image.sizeBytes);
  image.read(0, bytes);
  return bytes;
}

function kindOf(bytes: Uint8Array): string {
  if (bytes.every((byte) => byte === 0)) return "old";
  return bytes.every((byte) => byte !== 0) ? "new" : "torn";
}
