/**
 * A store on an array of disks. There is no directory: each member is locked by itself, and that is
 * what keeps a second process out. It isn't served by the first, as with a directory.
 *
 * It guarantees that
 *
 *  1. an array is made only where none of the disks was ever a member of one, and none holds
 *     anything;
 *  2. a store is made only on an array of which nothing was ever written but zeroes where the store
 *     says what it is, so that one whose making was cut short is made anew.
 */

import type { ArrayListener } from "../arrays/array-events.ts";
import type { DiskArray } from "../arrays/disk-array.ts";
import { lookAtDisk } from "../arrays/look-at-disks.ts";
import { assembleDisks, createOnDisks, type HoldOptions } from "../arrays/open-disk-array.ts";
import { Fault } from "../base/fault.ts";
import { isUnfinished } from "../raid/format-members.ts";
import type { RaidLevel } from "../raid/geometry.ts";
import type { RaidOptions } from "../raid/options.ts";
import { formatStore, storeBytes } from "../store/format.ts";
import { checkOptions, defaultStoreOptions, type StoreOptions } from "../store/options.ts";
import type { RowSpace } from "../base/row-spaces.ts";
import { SUPERBLOCK_ZONE_BYTES } from "../store/superblock.ts";
import { openVolumeEngine } from "../transactions/open-engine.ts";
import type { Transactions } from "../transactions/transactions.ts";
import type { World } from "../world/world.ts";

export interface ArrayStoreOptions {
  readonly level: RaidLevel;
  /** The files of the members, in any order once the array is made. */
  readonly disks: readonly string[];
  readonly spares: readonly string[];
  /** Who opens it, for the messages of those who come later. */
  readonly program: string;
  readonly store: Partial<StoreOptions>;
  /** What will be kept in it, by which layers. */
  readonly rows: readonly RowSpace[];
  readonly raid?: Partial<RaidOptions>;
  readonly onEvent?: ArrayListener;
}

export interface OpenedArrayStore {
  /** Closes the array at its own end. */
  readonly engine: Transactions;
  readonly array: DiskArray;
}

export async function openArrayStore(
  world: World,
  options: ArrayStoreOptions,
): Promise<OpenedArrayStore> {
  const storeOptions = { ...defaultStoreOptions, ...options.store };
  checkOptions(storeOptions);
  const array = await openArray(world, options, storeOptions);
  try {
    if (await isUnformatted(array)) await format(world, array, storeOptions);
    const engine = await openVolumeEngine(world, array.volume, storeOptions, options.rows);
    engine.atClose(async () => await array.close());
    return { engine, array };
  } catch (error) {
    await array.close();
    throw error;
  }
}

async function openArray(
  world: World,
  { level, disks, spares, program, raid = {}, onEvent }: ArrayStoreOptions,
  storeOptions: StoreOptions,
): Promise<DiskArray> {
  const hold: HoldOptions = { program, raid, ...(onEvent === undefined ? {} : { onEvent }) };
  const all = [...disks, ...spares];
  if (!(await isNew(world, all))) {
    const array = await assembleDisks(world, all, hold);
    await requireLevel(array, level);
    return array;
  }
  const isEmpty = await areEmpty(world, disks);
  onEvent?.("raid.made", { raid: level, disks });
  // Empty files grow with the store; others are taken to be as large as they are meant to be.
  const size = isEmpty ? { sizeBytes: storeBytes(storeOptions) } : {};
  return await createOnDisks(world, { level, disks, spares, ...size }, hold);
}

/** Whether none of the disks was ever a member. */
async function isNew(world: World, paths: readonly string[]): Promise<boolean> {
  for (const path of paths) {
    if ((await world.files.kind(path)) !== "file") continue;
    const { found } = await lookAtDisk(world, path);
    // One that cannot be read may well have been.
    if (found === undefined || (found.kind !== "empty" && !isUnfinished(found))) return false;
  }
  return true;
}

async function areEmpty({ files }: World, paths: readonly string[]): Promise<boolean> {
  for (const path of paths) {
    if ((await files.kind(path)) === undefined) continue;
    const file = await files.open(path, "read");
    const sizeBytes = await file.sizeBytes();
    await file.close();
    if (0 < sizeBytes) return false;
  }
  return true;
}

async function requireLevel(array: DiskArray, level: RaidLevel): Promise<void> {
  const found = array.status().level;
  if (found === level) return;
  await array.close();
  const message = `The disks make an array of RAID ${found}, not ${level}: give RAID ${found}`;
  throw new Fault("ERR_ARGUMENT", message, { level: found });
}

async function isUnformatted({ volume }: DiskArray): Promise<boolean> {
  const { sizeBytes } = volume;
  const head = new Uint8Array(Math.min(SUPERBLOCK_ZONE_BYTES, sizeBytes));
  const rest = sizeBytes - head.length;
  if (0 < rest) {
    const { written, byteCount } = volume.isWritten(head.length, rest);
    if (written || byteCount < rest) return false;
  }
  await volume.read(0, head);
  return head.every((byte) => byte === 0);
}

async function format(world: World, { volume }: DiskArray, options: StoreOptions): Promise<void> {
  await volume.grow(storeBytes(options));
  await formatStore(world, volume, options);
}
