/**
 * What `import ... from "holdfast/level"` gives: an `abstract-level` database in a directory, or
 * within a database that is open already.
 */

import type { AbstractDatabaseOptions } from "abstract-level";
import { Fault } from "../base/fault.ts";
import type { Database } from "../database/database.ts";
import type { KeyPart } from "../database/tuple.ts";
import { HostFiles } from "../host/host-files.ts";
import { DatabaseLevelStore } from "../level/database-level-store.ts";
import { HoldfastLevel } from "../level/holdfast-level.ts";
import type { LevelOpenOptions } from "../level/level-store.ts";
import { joinPath } from "../world/paths.ts";
import { open, type OpenOptions } from "./open.ts";

/** The options of `abstract-level`, and how the store below is opened. */
export interface LevelOptions<K, V> extends AbstractDatabaseOptions<K, V> {
  /** How the directory is opened. Not with a database that is open already. */
  readonly store?: Omit<OpenOptions, "path"> | undefined;
  /** What its keys in the database begin with, so that others can lie beside them. */
  readonly prefix?: readonly KeyPart[] | undefined;
}

/** A Level database. Its writes are durable and atomic, and batches are transactions. */
export class Level<K = string, V = string> extends HoldfastLevel<K, V> {
  /** `source` is a directory, which is opened and closed with this, or an open database. */
  constructor(source: string | Database, options: LevelOptions<K, V> = {}) {
    const { store, prefix = [], ...levelOptions } = options;
    const isDirectory = typeof source === "string";
    super(
      async (asked) => {
        const database = isDirectory ? await openFor(source, store, asked) : source;
        return new DatabaseLevelStore(database, { prefix, closesDatabase: isDirectory });
      },
      levelOptions,
      { creation: isDirectory },
    );
  }
}

async function openFor(
  path: string,
  store: LevelOptions<unknown, unknown>["store"],
  { createIfMissing, errorIfExists }: LevelOpenOptions,
): Promise<Database> {
  const exists = (await new HostFiles().kind(joinPath(path, "volume"))) !== undefined;
  if (exists && errorIfExists) {
    throw new Fault("ERR_ARGUMENT", `"${path}" exists, and \`errorIfExists\` asks to refuse it`);
  }
  if (!exists && !createIfMissing) {
    throw new Fault("ERR_ARGUMENT", `"${path}" does not exist, and is not to be made`);
  }
  return await open({ ...store, path });
}
