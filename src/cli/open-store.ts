/** Opens the store that a node serves, and says what of it can be measured. */

import { PAGE_BYTES } from "../cells/page.ts";
import { openEngine } from "../transactions/open-engine.ts";
import type { Transactions } from "../transactions/transactions.ts";
import type { World } from "../world/world.ts";
import type { CommandIo } from "./command-io.ts";
import type { OpenedStore } from "./node.ts";
import type { Figure } from "./node-health.ts";
import type { Settings } from "./settings-table.ts";
import { version } from "./version.ts";

/** A new store is made first, which takes a while for a large log; that is reported to `io`. */
export async function openStore(
  world: World,
  settings: Settings,
  io: CommandIo,
): Promise<OpenedStore> {
  const making = io.progress({
    title: "making a new store",
    total: settings.log,
    unit: "bytes",
  });
  const engine = await openEngine(world, settings.data, {
    store: {
      cacheBytes: settings.cache,
      logBytes: settings.log,
      valueBytesMax: settings["value-bytes-max"],
      transactionBytesMax: settings["transaction-bytes-max"],
      locksPerTransactionMax: settings["locks-per-transaction-max"],
      transactionTimeoutMs: settings["transaction-timeout-ms"],
    },
    program: `holdfast serve ${version}`,
    onProgress: (doneBytes) => making.update(doneBytes),
  });
  making.finish();
  return { store: engine, figures: storeFigures(engine), close: async () => await engine.close() };
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
    gauge("holdfast_volume_size_bytes", "size of the volume", () => store.volume.sizeBytes),
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
