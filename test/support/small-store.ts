/**
 * Stores as tests and campaigns open them: small, on volumes in memory, in simulated worlds. A ring
 * is smaller here than options allow, so that it is written round many times within a short run.
 */

import { libraryRows } from "../../src/database/library-rows.ts";
import { doorRows } from "../../src/redis/door-rows.ts";
import type { PagedImage } from "../../src/volume/paged-image.ts";
import { defaultSimulationOptions, SimulatedWorld } from "../../src/simulation/simulated-world.ts";
import { formatStore, storeBytes } from "../../src/store/format.ts";
import { defaultStoreOptions, type StoreOptions } from "../../src/store/options.ts";
import { openVolumeEngine } from "../../src/transactions/open-engine.ts";
import type { Transactions } from "../../src/transactions/transactions.ts";
import { MemoryVolume } from "../../src/volume/memory-volume.ts";
import type { HoldUp } from "../../src/volume/recording-volume.ts";
import type { Volume } from "../../src/volume/volume.ts";
import type { SeededRandom } from "../../src/base/random.ts";
import type { World } from "../../src/world/world.ts";

/** What stores keep rows of. */
const ROWS = [libraryRows, doorRows];

/** What a store is formatted with. */
export interface Shape {
  readonly ringBytes: number;
  readonly pagesBytes: number;
}

export const smallShape: Shape = { ringBytes: 512 << 10, pagesBytes: 1 << 20 };

export const smallOptions: StoreOptions = {
  ...defaultStoreOptions,
  cacheBytes: 4 << 20,
  logBytes: 4 << 20,
  pagesBytes: 1 << 20,
  shrinkBytesMin: 1 << 16,
};

/** Longer than any run should take, in virtual time. */
const LIMIT_MS = 10 * 60_000;

/** Runs `body` on a machine of its own. Throws a `Deadlock` if it can never end. */
export async function inWorld<T>(
  seed: number,
  body: (world: World, simulation: SimulatedWorld) => Promise<T>,
): Promise<T> {
  const simulation = new SimulatedWorld({
    ...defaultSimulationOptions,
    seed,
    drain: () => new Promise((resolve) => setImmediate(resolve)),
  });
  return await simulation.run(
    async () => await body(simulation.node("a").world, simulation),
    LIMIT_MS,
  );
}

/** The image of an empty store. */
export async function formattedImage(shape: Shape = smallShape): Promise<PagedImage> {
  const options = { ...smallOptions, logBytes: shape.ringBytes, pagesBytes: shape.pagesBytes };
  const volume = new MemoryVolume(storeBytes(options));
  await inWorld(1, async (world) => {
    await formatStore(world, volume, options);
  });
  return volume.image;
}

export async function openOn(
  world: World,
  volume: Volume,
  options: Partial<StoreOptions> = {},
): Promise<Transactions> {
  return await openVolumeEngine(world, volume, { ...smallOptions, ...options }, ROWS);
}

/** Holds up operations for some virtual time each, so that they end in any order. */
export function unhurried(simulation: SimulatedWorld, random: SeededRandom): HoldUp {
  return async () => {
    if (random.chance(40)) return;
    await new Promise<void>((resolve) => {
      simulation.after(random.below(20) / 20, resolve);
    });
  };
}
