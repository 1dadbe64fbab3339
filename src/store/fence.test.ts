import { expect, test } from "vitest";
import { compareBytes } from "../base/bytes.ts";
import { viewNumber } from "../base/ids.ts";
import { SeededRandom } from "../base/random.ts";
import { pageRanges, storedLogRanges } from "../simulation/serial/page-ranges.ts";
import { defaultSimulationOptions, SimulatedWorld } from "../simulation/simulated-world.ts";
import { FaultPlan } from "../volume/fault-plan.ts";
import { FaultyVolume } from "../volume/faulty-volume.ts";
import { createFileVolume, openFileVolume } from "../volume/file-volume.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { Volume } from "../volume/volume.ts";
import type { File, Files } from "../world/files.ts";
import type { World } from "../world/world.ts";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";
import { FencedVolume } from "./fenced-volume.ts";
import { Fence } from "./fence.ts";
import { formatStore } from "./format.ts";
import { openStore } from "./open-store.ts";
import { defaultStoreOptions } from "./options.ts";
import { SuperblockZone } from "./superblock.ts";

const MB = 1 << 20;
const STALL_MS = 100;
const options = {
  ...defaultStoreOptions,
  cacheBytes: 4 * MB,
  logBytes: 4 * MB,
  pagesBytes: MB,
  stallMs: STALL_MS,
};

test("who was stopped while it looked has to look again", async () => {
  await withVolume(async (world, volume, sleep) => {
    let stalledMs = STALL_MS * 3;
    const fence = new Fence(world.clock, STALL_MS, viewNumber(0), volume.name, async () => {
      const seen = await SuperblockZone.open(volume, world.checksums, () => Promise.resolve(true));
      await sleep(stalledMs);
      return seen;
    });
    await sleep(STALL_MS * 2);
    await fence.look();
    expect(fence.isClear).toBe(false);
    stalledMs = 1;
    await fence.look();
    expect(fence.isClear).toBe(true);
  });
});

test("who was replaced writes nothing more, whatever it had begun", async () => {
  await withVolume(async (world, volume, sleep) => {
    const { store } = await openStore(world, volume, options);
    await sleep(STALL_MS * 2);
    await openStore(world, volume, options);
    const before = await contents(volume);
    await expect(store.checkpoint()).rejects.toMatchObject({ code: "ERR_UNAVAILABLE" });
    expect(store.failure).toMatchObject({ code: "ERR_UNAVAILABLE" });
    expect(compareBytes(await contents(volume), before)).toBe(0);
  });
});

test("who was replaced by one that died while it recovered writes nothing more, either", async () => {
  const image = await formattedImage({ ringBytes: 4 * MB, pagesBytes: 8 * MB });
  await inWorld(1, async (world) => {
    const patient = { checkpointDirtyShare: 0.7, checkpointLogShare: 0.9, stallMs: STALL_MS };
    const first = await openOn(world, new MemoryVolume(image), patient);
    for (let index = 0; index < 20; index++) {
      await first.run((step) => step.set(Uint8Array.of(1, index), new Uint8Array(60_000)));
    }
    await new Promise<void>((resolve) => world.clock.after(STALL_MS * 2, resolve));

    // The second has more to apply than its memory takes, and dies as it has written some of it.
    const plan = new FaultPlan();
    const range = pageRanges(storedLogRanges(image)).at(-1);
    const operations = ["write", "durable"] as const;
    plan.add({ operations, range, skip: 1, count: 1, fault: { kind: "error" } });
    const parts = { plan, random: new SeededRandom(1), clock: world.clock, crash: () => undefined };
    const second = openOn(world, new FaultyVolume(new MemoryVolume(image), parts), patient);
    await expect(second).rejects.toMatchObject({ code: "ERR_IO" });

    const before = image.copy();
    await expect(first.store.checkpoint()).rejects.toMatchObject({ code: "ERR_UNAVAILABLE" });
    const after = await contents(new MemoryVolume(image));
    expect(compareBytes(after, await contents(new MemoryVolume(before)))).toBe(0);
    const third = await openOn(world, new MemoryVolume(image), patient);
    expect(await third.run((step) => step.count(Uint8Array.of(1)))).toBe(20);
    await third.close();
  });
});

test("who was replaced while the volume grew writes no zeroes over what came after it", async () => {
  await withVolume(async (world, formatted, sleep) => {
    const inner = await createFileVolume(world.files, "/data", formatted.sizeBytes);
    await inner.write(0, await contents(formatted));
    await inner.close();
    let afterWrite = freely;
    const stoppable = {
      open: async (...args: Parameters<Files["open"]>) =>
        new HeldFile(await world.files.open(...args), () => afterWrite()),
    };
    const volume = new FencedVolume(await openFileVolume(stoppable, "/data"));
    const superblocks = async (): Promise<SuperblockZone> =>
      await SuperblockZone.open(volume, world.checksums, () => Promise.resolve(true));
    const { view } = (await superblocks()).current;
    volume.raise(new Fence(world.clock, STALL_MS, view, volume.name, superblocks));

    const others = new Uint8Array(MB).fill(7);
    const end = volume.sizeBytes + 4 * MB;
    let writes = 0;
    afterWrite = async () => {
      if (++writes < 2) return;
      afterWrite = freely;
      await sleep(STALL_MS * 2);
      const other = await openFileVolume(world.files, "/data");
      const { store } = await openStore(world, other, options);
      await other.grow(end);
      await other.write(end - MB, others);
      await store.close();
    };
    await expect(volume.grow(end)).rejects.toMatchObject({ code: "ERR_UNAVAILABLE" });
    const found = (await contents(await openFileVolume(world.files, "/data"))).subarray(end - MB);
    expect(compareBytes(found, others)).toBe(0);
  });
});

test("a volume is written to at once where nothing was missed", async () => {
  await withVolume(async (world, volume, sleep) => {
    let looks = 0;
    const fenced = new FencedVolume(volume);
    const fence = new Fence(world.clock, STALL_MS, viewNumber(0), volume.name, () => {
      looks++;
      return SuperblockZone.open(volume, world.checksums, () => Promise.resolve(true));
    });
    fenced.raise(fence);
    const block = new Uint8Array(volume.writeUnitBytes).fill(7);
    await fenced.write(MB, block);
    expect(looks).toBe(0);
    await sleep(STALL_MS * 2);
    expect(fenced.writeDurableNow(MB, block)).toBe(false);
    await fenced.writeDurable(MB, block);
    expect(looks).toBe(1);
  });
});

/** Waits after every write until it may go on, as a process that is stopped does. */
class HeldFile implements File {
  readonly #inner: File;
  readonly #mayGoOn: () => Promise<void>;

  constructor(inner: File, mayGoOn: () => Promise<void>) {
    this.#inner = inner;
    this.#mayGoOn = mayGoOn;
  }

  sizeBytes(): Promise<number> {
    return this.#inner.sizeBytes();
  }

  read(at: number, target: Uint8Array): Promise<number> {
    return this.#inner.read(at, target);
  }

  async write(at: number, source: Uint8Array): Promise<void> {
    await this.#inner.write(at, source);
    await this.#mayGoOn();
  }

  async writeDurable(at: number, source: Uint8Array): Promise<void> {
    await this.#inner.writeDurable(at, source);
  }

  writeDurableNow(at: number, source: Uint8Array): void {
    this.#inner.writeDurableNow(at, source);
  }

  sync(): Promise<void> {
    return this.#inner.sync();
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#inner.truncate(sizeBytes);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

async function freely(): Promise<void> {}

async function withVolume(
  body: (world: World, volume: Volume, sleep: (ms: number) => Promise<void>) => Promise<void>,
): Promise<void> {
  const simulation = new SimulatedWorld({ ...defaultSimulationOptions, seed: 1, drain });
  const { world } = simulation.node("a");
  await simulation.run(async () => {
    const volume = new MemoryVolume(16 * MB);
    await formatStore(world, volume, options);
    const sleep = async (ms: number): Promise<void> => {
      await new Promise<void>((resolve) => world.clock.after(ms, resolve));
    };
    await body(world, volume, sleep);
  });
}

async function contents(volume: Volume): Promise<Uint8Array> {
  const bytes = new Uint8Array(volume.sizeBytes);
  await volume.read(0, bytes);
  return bytes;
}

async function drain(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
