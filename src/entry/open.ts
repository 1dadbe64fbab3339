/** Opens the database of a directory on this machine. */

import type { Database } from "../database/database.ts";
import type { DatabaseOptions } from "../database/open-database.ts";
import { openDirectory } from "../database/open-directory.ts";
import { Fault } from "../base/fault.ts";
import { hostWorld } from "../host/world.ts";
import type { StoreOptions } from "../store/options.ts";
import { openEngine } from "../transactions/open-engine.ts";

/** How a directory is opened. What is left out has a default that serves most. */
export interface OpenOptions extends DatabaseOptions, Omit<Partial<StoreOptions>, "stallMs"> {
  /** The directory of the data. It is made if it does not exist. */
  readonly path: string;
  /**
   * Whether to be served by another process (a worker thread, the old self of a development
   * server) that has the directory open, and to take over when it goes. With `false` a directory
   * that is open is `ERR_LOCKED`, which names who has it. The default is `true`.
   */
  readonly attach?: boolean | undefined;
  /** Who opens it, for the messages that others get: the name and version of a program. */
  readonly program?: string | undefined;
}

const PROGRAM = "holdfast, as a library";

/**
 * Opens the database of a directory, and makes it first if there is none. Close it with `close()`
 * or by `await using`.
 *
 * A directory that holds anything else is refused with `ERR_FORMAT`.
 */
export async function open(target: string | OpenOptions): Promise<Database> {
  const options: OpenOptions = typeof target === "string" ? { path: target } : target;
  const { path, attach = true, program = PROGRAM } = options;
  const given: unknown = path;
  if (typeof given !== "string" || given === "") {
    throw new Fault("ERR_ARGUMENT", "name the directory of the data, as in `open('./data')`");
  }
  const world = hostWorld();
  const store = storeOptionsOf(options);
  return await openDirectory(world, path, { ...options, attach }, async (accept) => {
    return await openEngine(world, path, { store, program, accept });
  });
}

function storeOptionsOf({ timeoutMs, ...options }: OpenOptions): Partial<StoreOptions> {
  const given: Record<keyof StoreOptions, number | undefined> = {
    cacheBytes: options.cacheBytes,
    logBytes: options.logBytes,
    pagesBytes: options.pagesBytes,
    valueBytesMax: options.valueBytesMax,
    keyBytesMax: options.keyBytesMax,
    transactionBytesMax: options.transactionBytesMax,
    locksPerTransactionMax: options.locksPerTransactionMax,
    transactionTimeoutMs: options.transactionTimeoutMs ?? timeoutMs,
    snapshotAgeMsMax: options.snapshotAgeMsMax,
    checkpointLogShare: options.checkpointLogShare,
    checkpointDirtyShare: options.checkpointDirtyShare,
    stallMs: undefined,
  };
  const present = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present);
}
