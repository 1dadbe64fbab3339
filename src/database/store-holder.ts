/** What the process that has the store open keeps beside it, for all sessions with it. */

import type { Lsn } from "../base/ids.ts";
import type { Engine } from "../transactions/engine.ts";
import type { World } from "../world/world.ts";
import { ExpirySweep } from "./expiry-sweep.ts";
import { OutcomeLedger } from "./outcome-ledger.ts";
import { SettleQueue } from "./settle-queue.ts";
import type { DatabaseSettings } from "./settings.ts";

/** Another process that uses this store through this one. */
export interface ServedProcess {
  /** Takes no more requests; those that were taken are still answered. */
  stop(): void;
  /** Ends the connection after what was answered is out. */
  end(): void;
}

export class StoreHolder {
  readonly world: World;
  readonly engine: Engine;
  readonly settings: DatabaseSettings;
  readonly settling: SettleQueue;
  readonly ledger: OutcomeLedger;
  readonly sweep: ExpirySweep;
  /** The position at which this process took the store over: of what it found there the last. */
  readonly beganAt: Lsn;
  /** The processes that it serves. */
  served: Iterable<ServedProcess> = [];
  isClosing = false;

  constructor(world: World, engine: Engine, settings: DatabaseSettings) {
    this.world = world;
    this.engine = engine;
    this.settings = settings;
    this.settling = new SettleQueue(engine);
    this.ledger = new OutcomeLedger(world, engine, this.settling, settings);
    this.sweep = new ExpirySweep(world, engine, settings);
    this.beganAt = engine.settledLsn;
  }

  /** Whoever is served by it is answered what was asked before, and then let go. */
  async close(): Promise<void> {
    this.isClosing = true;
    for (const server of this.served) server.stop();
    await this.sweep.close();
    try {
      await this.engine.close();
    } finally {
      for (const server of this.served) server.end();
    }
  }
}
