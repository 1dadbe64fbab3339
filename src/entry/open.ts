/** Opens the database of a directory, or of an array of disks, on this machine. */

import type { Database } from "../database/database.ts";
import { type DatabaseOptions, openDatabase } from "../database/open-database.ts";
import { libraryRows } from "../database/library-rows.ts";
import { openDirectory } from "../database/open-directory.ts";
import { Fault } from "../base/fault.ts";
import { didYouMean } from "../base/suggest.ts";
import { fileName } from "../host/file-name.ts";
import { hostWorld } from "../host/world.ts";
import type { RaidLevel } from "../raid/geometry.ts";
import { defaultDatabaseSettings } from "../database/settings.ts";
import { defaultStoreOptions, type StoreOptions } from "../store/options.ts";
import { openEngine } from "../transactions/open-engine.ts";
import { openArrayStore } from "./array-store.ts";

/** Of the store alone: a database has `timeoutMs`. */
type NotOffered = "stallMs" | "transactionTimeoutMs";

/** How a database is opened. What is left out has a default that serves most. */
interface CommonOptions extends DatabaseOptions, Omit<Partial<StoreOptions>, NotOffered> {
  /** Who opens it, for the messages that others get: the name and version of a program. */
  readonly program?: string | undefined;
}

/** How a directory is opened. */
export interface OpenOptions extends CommonOptions {
  /** The directory of the data. It is made if it does not exist. */
  readonly path: string;
  /**
   * Whether to be served by another process (a worker thread, the old self of a development
   * server) that has the directory open, and to take over when it goes. With `false` a directory
   * that is open is `ERR_LOCKED`, which names who has it. The default is `true`.
   */
  readonly attach?: boolean | undefined;
}

/** How an array of disks is opened, which goes on when some of them fail. */
export interface OpenArrayOptions extends CommonOptions {
  /**
   * 1 keeps everything on each disk, 4 and 5 go on without one of three or more, 6 without two of
   * four or more; 0 without none, and is there for comparison.
   */
  readonly raid: RaidLevel;
  /**
   * The files of the disks, each on a disk of its own if it is to be of use. The first time they
   * are made if they are missing, and the array of them; later they may be named in any order, and
   * those that are gone or broken are done without, as far as the level allows.
   */
  readonly disks: readonly string[];
  /** Disks that stand in for one that fails. */
  readonly spares?: readonly string[] | undefined;
}

const PROGRAM = "holdfast, as a library";

/**
 * Opens the database of a directory, or of an array of disks, and makes it first if there is none.
 * Close it with `close()` or by `await using`.
 *
 * A directory that holds anything else is refused with `ERR_FORMAT`. Disks that another process has
 * are `ERR_LOCKED`, which names it; `holdfast raid` shows and changes an array while it is open.
 */
export async function open(target: string | OpenOptions | OpenArrayOptions): Promise<Database> {
  if (typeof target === "string") return await openPath({ path: target });
  const given: unknown = target;
  if (typeof given !== "object" || given === null) throw noDirectory();
  requireKnownOptions(given);
  return "raid" in target ? await openDisks(target) : await openPath(target);
}

async function openDisks(options: OpenArrayOptions): Promise<Database> {
  const { raid: level, program = PROGRAM } = options;
  const [disks, spares] = [filesOf(options.disks), filesOf(options.spares ?? [])];
  const world = hostWorld();
  const store = storeOptionsOf(options);
  const rows = [libraryRows];
  const { engine } = await openArrayStore(world, { level, disks, spares, program, store, rows });
  return await openDatabase(world, engine, options);
}

function filesOf(disks: readonly string[]): readonly string[] {
  const given: unknown = disks;
  if (Array.isArray(given) && given.every((disk) => typeof disk === "string" && disk !== "")) {
    return disks.map(fileName);
  }
  const message = "name the disks, as in `open({ raid: 5, disks: ['./a', './b', './c'] })`";
  throw new Fault("ERR_ARGUMENT", message);
}

async function openPath(options: OpenOptions): Promise<Database> {
  const { path, attach = true, program = PROGRAM } = options;
  const given: unknown = path;
  if (typeof given !== "string" || given === "") throw noDirectory();
  const world = hostWorld();
  const store = storeOptionsOf(options);
  return await openDirectory(world, path, { ...options, attach }, async (accept) => {
    return await openEngine(world, path, { store, rows: [libraryRows], program, accept });
  });
}

/** A name that is misspelt would be a setting that is not in force. */
function requireKnownOptions(given: object): void {
  const own = "raid" in given ? ["raid", "disks", "spares"] : ["path", "attach"];
  const names = [...own, ...COMMON_NAMES];
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue;
    const isOfArray = name === "disks" || name === "spares";
    const meant = isOfArray ? ' without "raid", the level of the array' : didYouMean(name, names);
    const message = `there is no option "${name}" of open${meant}; the types list all`;
    throw new Fault("ERR_ARGUMENT", message, { option: name });
  }
}

const NOT_OFFERED: readonly string[] = ["stallMs", "transactionTimeoutMs"] satisfies NotOffered[];
const COMMON_NAMES: readonly string[] = [
  "program",
  "codec",
  "otherCodecs",
  "onError",
  ...Object.keys(defaultDatabaseSettings),
  ...Object.keys(defaultStoreOptions).filter((name) => !NOT_OFFERED.includes(name)),
];

function noDirectory(): Fault {
  return new Fault("ERR_ARGUMENT", "name the directory of the data, as in `open('./data')`");
}

function storeOptionsOf({ timeoutMs, ...options }: CommonOptions): Partial<StoreOptions> {
  const given: Record<keyof StoreOptions, number | undefined> = {
    cacheBytes: options.cacheBytes,
    logBytes: options.logBytes,
    pagesBytes: options.pagesBytes,
    valueBytesMax: options.valueBytesMax,
    keyBytesMax: options.keyBytesMax,
    transactionBytesMax: options.transactionBytesMax,
    locksPerTransactionMax: options.locksPerTransactionMax,
    transactionTimeoutMs: timeoutMs,
    snapshotAgeMsMax: options.snapshotAgeMsMax,
    checkpointLogShare: options.checkpointLogShare,
    checkpointDirtyShare: options.checkpointDirtyShare,
    shrinkBytesMin: options.shrinkBytesMin,
    closeMovesBytesMax: options.closeMovesBytesMax,
    stallMs: undefined,
  };
  const present = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present);
}
