/**
 * Opens the store of a data directory, and makes it first if there is none.
 *
 *     DIRECTORY/lock/     who holds the directory (`world/directory-lock.ts`)
 *     DIRECTORY/volume    the store
 *     DIRECTORY/volume.new    a store that is being made; one that was left is made anew
 *
 * Only a directory that does not exist or holds nothing is formatted. Any other without a volume
 * is refused, so that a wrong path or a disk that is not mounted is not taken for a fresh start.
 */

import { Fault, isFault } from "../base/fault.ts";
import { formatStore, storeBytes } from "../store/format.ts";
import { checkOptions, defaultStoreOptions, type StoreOptions } from "../store/options.ts";
import { openStore } from "../store/open-store.ts";
import { type RowSpace, RowSpaces } from "../base/row-spaces.ts";
import { createFileVolume, openFileVolume } from "../volume/file-volume.ts";
import type { Volume } from "../volume/volume.ts";
import { acquireDirectoryLock, directoryTakenFault } from "../world/directory-lock.ts";
import type { Connection } from "../world/network.ts";
import type { Files } from "../world/files.ts";
import { joinPath, parentPath } from "../world/paths.ts";
import type { World } from "../world/world.ts";
import { Transactions, TRANSACTIONS_SLAB_BYTES } from "./transactions.ts";

export interface OpenEngineOptions {
  readonly store?: Partial<StoreOptions>;
  /** What will be kept in it, by which layers. */
  readonly rows?: readonly RowSpace[];
  /** Who opens it, for the messages of those who come later: `holdfast serve 0.1.0`. */
  readonly program: string;
  /** Takes the connections of other processes that find the directory held. */
  readonly accept?: (connection: Connection) => void;
  /** Hears how far the making of a new store has come. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

const VOLUME = "volume";
const UNFINISHED = "volume.new";
/** What a directory above the data answers that was not made just now, or needs no sync. */
const NOT_OURS: ReadonlySet<string> = new Set(["EACCES", "EPERM", "EROFS", "EINVAL", "ENOTSUP"]);
const OWN_NAMES: ReadonlySet<string> = new Set([
  "lock",
  "lost+found",
  UNFINISHED,
  `${UNFINISHED}.new`,
]);

/** `ERR_LOCKED` if another holds the directory; `ERR_FORMAT` if it holds something else. */
export async function openEngine(
  world: World,
  directory: string,
  options: OpenEngineOptions,
): Promise<Transactions> {
  const storeOptions = { ...defaultStoreOptions, ...options.store };
  checkOptions(storeOptions);
  await requireStoreOrNothing(world, directory);
  const accept = options.accept ?? ((connection): void => connection.destroy());
  const lock = await acquireDirectoryLock(world, directory, options.program, accept);
  if (lock.kind === "taken") throw directoryTakenFault(directory, lock);
  try {
    const volume = await openVolume(world, directory, storeOptions, options.onProgress);
    const engine = await openVolumeEngine(world, volume, storeOptions, options.rows);
    engine.atClose(() => lock.release());
    return engine;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Opens the store on a volume that is formatted. The engine closes the volume at its end. */
export async function openVolumeEngine(
  world: World,
  volume: Volume,
  options: StoreOptions,
  spaces: readonly RowSpace[] = [],
): Promise<Transactions> {
  const rows = new RowSpaces(spaces);
  try {
    const opened = await openStore(world, volume, options, TRANSACTIONS_SLAB_BYTES, rows);
    return new Transactions(world, opened.store, opened.slab, rows);
  } catch (error) {
    await volume.close();
    throw error;
  }
}

async function openVolume(
  world: World,
  directory: string,
  options: StoreOptions,
  onProgress: OpenEngineOptions["onProgress"],
): Promise<Volume> {
  const { files } = world;
  const path = joinPath(directory, VOLUME);
  if ((await files.kind(path)) === undefined) {
    const unfinished = joinPath(directory, UNFINISHED);
    await files.remove(unfinished);
    const made = await createFileVolume(files, unfinished, storeBytes(options), onProgress);
    await formatStore(world, made, options);
    await made.close();
    await files.rename(unfinished, path);
    await syncNames(files, directory);
  }
  return await openFileVolume(files, path);
}

/** Makes the names of the store durable, and those of the directories made on the way to it. */
async function syncNames(files: Files, directory: string): Promise<void> {
  await files.syncDirectory(directory);
  for (let path = directory; parentPath(path) !== path; path = parentPath(path)) {
    try {
      await files.syncDirectory(parentPath(path));
    } catch (error) {
      if (!isFault(error, "ERR_IO") || !NOT_OURS.has(String(error.details["errno"]))) throw error;
    }
  }
}

async function requireStoreOrNothing(world: World, directory: string): Promise<void> {
  const kind = await world.files.kind(directory);
  if (kind === undefined) return;
  if (kind !== "directory") {
    throw new Fault("ERR_FORMAT", `"${directory}" is not a directory: name one for the data`);
  }
  const names = (await world.files.list(directory)) ?? [];
  if (names.includes(VOLUME)) return;
  const foreign = names.filter((name) => !OWN_NAMES.has(name));
  if (foreign.length === 0) return;
  throw new Fault(
    "ERR_FORMAT",
    `"${directory}" holds no store, but other files ("${foreign[0]}"): name the directory of the ` +
      "store, or an empty one to make a new store in",
    { directory },
  );
}
