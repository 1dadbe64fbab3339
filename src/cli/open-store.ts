/** Opens the store that a node serves, and says what of it can be measured. */

import { must } from "../base/assert.ts";
import { PAGE_BYTES } from "../cells/page.ts";
import type { Logger } from "pino";
import { openDatabase } from "../database/open-database.ts";
import { libraryRows } from "../database/library-rows.ts";
import { openDirectory } from "../database/open-directory.ts";
import { openArrayStore } from "../entry/array-store.ts";
import type { RaidLevel } from "../raid/geometry.ts";
import { doorRows } from "../redis/door-rows.ts";
import type { RowSpace } from "../base/row-spaces.ts";
import { storeBytes } from "../store/format.ts";
import { defaultStoreOptions, type StoreOptions } from "../store/options.ts";
import { openEngine } from "../transactions/open-engine.ts";
import type { Transactions } from "../transactions/transactions.ts";
import type { World } from "../world/world.ts";
import { arrayFigures } from "./array-figures.ts";
import { logArray, logHealth } from "./array-log.ts";
import type { CommandIo } from "./command-io.ts";
import type { OpenedStore } from "./node.ts";
import type { Figure } from "./node-health.ts";
import type { Settings } from "./settings-table.ts";
import { raidOptionsOf } from "./raid-settings.ts";
import { recordTraffic } from "./traffic-record.ts";
import { version } from "./version.ts";

const PROGRAM: string = `holdfast serve ${version}`;
const ROWS: readonly RowSpace[] = [libraryRows, doorRows];

/**
 * Opens the store, in its directory or on its array of disks. What another process holds is
 * `ERR_LOCKED`; a server is served by nobody.
 */
export async function openStore(
  world: World,
  settings: Settings,
  logger: Logger,
  io: CommandIo,
): Promise<OpenedStore> {
  const opened = await (settings.raid === undefined
    ? openInDirectory(world, settings, io)
    : openOnDisks(world, settings, settings.raid, logger));
  if (settings.record === undefined) return opened;
  return await withRecord(world, opened.store, settings.record, settings, opened);
}

interface OpenedTransactions extends OpenedStore {
  readonly store: Transactions;
}

/**
 * Opens the store, and the library on it for other processes that open the same directory: they
 * are served over its local socket. Making a new store takes a moment, which `io` is told.
 */
async function openInDirectory(
  world: World,
  settings: Settings,
  io: CommandIo,
): Promise<OpenedTransactions> {
  const options = storeOptions(settings);
  const total = storeBytes({ ...defaultStoreOptions, ...options });
  const making = io.progress({ title: "making a new store", total, unit: "bytes" });
  let opened: Transactions | undefined;
  const library = await openDirectory(world, settings.data, { attach: false }, async (accept) => {
    opened = await openEngine(world, settings.data, {
      store: options,
      rows: ROWS,
      program: PROGRAM,
      accept,
      onProgress: (doneBytes) => making.update(doneBytes),
    });
    return opened;
  });
  making.finish();
  const store = must(opened, "a library that is open has its store");
  const close = async (): Promise<void> => await library.close();
  return { store, figures: storeFigures(store), array: undefined, close };
}

async function openOnDisks(
  world: World,
  settings: Settings,
  level: RaidLevel,
  logger: Logger,
): Promise<OpenedTransactions> {
  const { disk: disks, spare: spares } = settings;
  const { engine, array } = await openArrayStore(world, {
    level,
    disks,
    spares,
    program: PROGRAM,
    store: storeOptions(settings),
    rows: ROWS,
    raid: raidOptionsOf(settings),
    onEvent: logArray(logger),
  });
  const library = await openDatabase(world, engine);
  logHealth(logger, array.status());
  const figures = [...storeFigures(engine), ...arrayFigures(array)];
  return { store: engine, figures, array, close: async () => await library.close() };
}

/** The opened store with a sample of what runs on it going to a file. */
async function withRecord(
  world: World,
  engine: Transactions,
  path: string,
  settings: Settings,
  opened: OpenedStore,
): Promise<OpenedStore> {
  try {
    const traffic = await recordTraffic(world, engine, path, settings["record-one-in"]);
    const leftOut = counter("holdfast_records_left_out_total", "records not written", () =>
      traffic.leftOutCount(),
    );
    const close = async (): Promise<void> => {
      await opened.close();
      await traffic.close();
    };
    const { array, figures } = opened;
    return { store: traffic.engine, figures: [...figures, leftOut], array, close };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

function storeOptions(settings: Settings): Partial<StoreOptions> {
  return {
    cacheBytes: settings.cache,
    logBytes: settings.log,
    valueBytesMax: settings["value-bytes-max"],
    transactionBytesMax: settings["transaction-bytes-max"],
    locksPerTransactionMax: settings["locks-per-transaction-max"],
    transactionTimeoutMs: settings["transaction-timeout-ms"],
  };
}

function storeFigures(engine: Transactions): readonly Figure[] {
  const { store, locks } = engine;
  const { log, cells } = store;
  return [
    counter("holdfast_commits_total", "transactions that wrote", () => engine.commitCount),
    counter("holdfast_log_entries_total", "entries appended, ever", () => engine.appendedLsn),
    counter("holdfast_log_settled_total", "entries that are settled", () => engine.settledLsn),
    counter("holdfast_log_batches_total", "batches written, ever", () => log.lastBatch),
    counter("holdfast_checkpoints_total", "checkpoints taken", () => store.checkpointCount),
    gauge("holdfast_transactions_open", "interactive transactions", () => engine.openCount),
    gauge("holdfast_lock_holders", "transactions with locks", () => locks.holderCount),
    gauge("holdfast_log_used_bytes", "log not yet truncated", () => log.usedBytes),
    gauge("holdfast_log_size_bytes", "size of the log's ring", () => log.ringBytes),
    gauge("holdfast_log_placed_bytes", "of the ring, what has room on disk", () => log.placedBytes),
    gauge("holdfast_volume_size_bytes", "size of the volume", () => store.volume.sizeBytes),
    gauge("holdfast_disk_full", "1 if there was no room on disk when asked last", () => {
      return store.isDiskFull ? 1 : 0;
    }),
    gauge("holdfast_pages_free_bytes", "room for data that takes no more of the disk", () => {
      return cells.space.freeCount * PAGE_BYTES;
    }),
    gauge("holdfast_cache_used_bytes", "pages in memory", () => {
      return cells.cache.residentCount * PAGE_BYTES;
    }),
    gauge("holdfast_cache_dirty_bytes", "pages that a checkpoint must write", () => {
      return cells.cache.dirtyCount * PAGE_BYTES;
    }),
    gauge("holdfast_cache_size_bytes", "memory for pages", () => {
      return cells.cache.frameCount * PAGE_BYTES;
    }),
  ];
}

function counter(name: string, help: string, read: () => number): Figure {
  return { name, help, kind: "counter", read };
}

function gauge(name: string, help: string, read: () => number): Figure {
  return { name, help, kind: "gauge", read };
}
