/**
 * What the stores of campaigns lie on: one disk, or an array of disks of any level. Every campaign
 * over stores runs on each.
 */

import { isFault } from "../../src/base/fault.ts";
import { assembleArray, createArray, type RaidArray } from "../../src/raid/array.ts";
import { choices } from "../../src/raid/crash-run.suite.ts";
import { Geometry, type RaidLevel } from "../../src/raid/geometry.ts";
import { type AssembleOptions, defaultCreateOptions } from "../../src/raid/options.ts";
import { smallAssembly } from "../../src/raid/test-array.suite.ts";
import { formatStore, storeBytes } from "../../src/store/format.ts";
import { MemoryVolume } from "../../src/volume/memory-volume.ts";
import { PagedImage } from "../../src/volume/paged-image.ts";
import type { Volume } from "../../src/volume/volume.ts";
import type { World } from "../../src/world/world.ts";
import { formattedImage, inWorld, type Shape, smallOptions } from "./small-store.ts";

/** What is on the disks, one after the other. */
export type Images = readonly PagedImage[];

export interface Ground {
  readonly name: string;
  /** By these names plans of faults go. */
  readonly disks: readonly string[];
  /** Every choice of disks that may be lost at once, the choice of none among them. */
  readonly losses: readonly (readonly number[])[];
  readonly lossesMax: number;
  /** The disks of an empty store. */
  format(shape: Shape): Promise<Images>;
  /** Opens the disks, or those that are left of them, as one volume. */
  open(world: World, disks: readonly Volume[]): Promise<Volume>;
}

const assembly: AssembleOptions = { ...smallAssembly, inPlaceBytesMin: 16_384 };

const BLOCK_BYTES = 4096;
const CHUNK_BLOCKS = 2;

export const plainGround: Ground = {
  name: "one disk",
  disks: ["volume"],
  losses: [[]],
  lossesMax: 0,
  format: async (shape) => [await formattedImage(shape)],
  open: async (_world, [disk]) => {
    if (disk === undefined) throw new Error("there is no disk");
    return await Promise.resolve(disk);
  },
};

/** The least arrays of each level. */
export const arrayGrounds: readonly Ground[] = [
  arrayGround(0, 2),
  arrayGround(1, 2),
  arrayGround(4, 3),
  arrayGround(5, 3),
  arrayGround(6, 4),
];

/** Disks in memory over the images, which they write to, without those that are lost. */
export function memoryDisks(
  ground: Ground,
  images: Images,
  lost: readonly number[] = [],
): readonly MemoryVolume[] {
  return images.flatMap((image, index) => {
    const name = ground.disks[index] ?? `disk${index}`;
    return lost.includes(index) ? [] : [new MemoryVolume(image, { name, writeUnitBytes: 4096 })];
  });
}

export function copies(images: Images): Images {
  return images.map((image) => image.copy());
}

function arrayGround(level: RaidLevel, count: number): Ground {
  const geometry = { level, memberCount: count, layout: "left-symmetric" } as const;
  const { lossesMax } = new Geometry({
    ...geometry,
    blockBytes: BLOCK_BYTES,
    chunkBlocks: CHUNK_BLOCKS,
  });
  const formatted = new Map<string, Promise<Images>>();
  return {
    name: `RAID ${level} of ${count} disks`,
    disks: Array.from({ length: count }, (_, index) => `disk${index}`),
    losses: choices(count, lossesMax),
    lossesMax,
    format: async (shape) => {
      const key = JSON.stringify(shape);
      const known = formatted.get(key) ?? formatArray(level, count, shape);
      formatted.set(key, known);
      return copies(await known);
    },
    open: async (world, disks) => {
      const isHalf = disks.length <= lossesMax;
      return await assembleOf(world, disks, isHalf);
    },
  };
}

/** Forces what may have gone on elsewhere, which only the campaign knows that it did not. */
async function assembleOf(
  world: World,
  disks: readonly Volume[],
  isHalf: boolean,
): Promise<RaidArray> {
  try {
    return await assembleArray(world, disks, assembly);
  } catch (error) {
    if (!isHalf || !isFault(error, "ERR_UNAVAILABLE")) throw error;
    return await assembleArray(world, disks, { ...assembly, force: true });
  }
}

async function formatArray(level: RaidLevel, count: number, shape: Shape): Promise<Images> {
  const images = Array.from({ length: count }, () => new PagedImage(0));
  const options = { ...smallOptions, logBytes: shape.ringBytes, pagesBytes: shape.pagesBytes };
  await inWorld(1, async (world) => {
    const members = images.map(
      (image, index) => new MemoryVolume(image, { name: `disk${index}`, writeUnitBytes: 4096 }),
    );
    const array = await createArray(world, members, {
      ...defaultCreateOptions,
      ...assembly,
      level,
      blockBytes: BLOCK_BYTES,
      chunkBytes: BLOCK_BYTES * CHUNK_BLOCKS,
      journalBytes: 512 << 10,
      sizeBytes: storeBytes(options),
    });
    await formatStore(world, array, options);
    await array.close();
  });
  return images;
}
