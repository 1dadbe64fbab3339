/** What the process that has the store open keeps beside it, for all sessions with it. */

import type { Engine } from "../transactions/engine.ts";
import type { World } from "../world/world.ts";
import { ExpirySweep } from "./expiry-sweep.ts";
import { OutcomeLedger } from "./outcome-ledger.ts";
import { SettleQueue } from "./settle-queue.ts";
import type { DatabaseSettings } from "./settings.ts";

export class StoreHolder {
  readonly world: World;
  readonly engine: Engine;
  readonly settings: DatabaseSettings;
  readonly settling: SettleQueue;
  readonly ledger: OutcomeLedger;
  readonly sweep: ExpirySweep;

  constructor(world: World, engine: Engine, settings: DatabaseSettings) {
    this.world = world;
    this.engine = engine;
    this.settings = settings;
    this.settling = new SettleQueue(engine);
    this.ledger = new OutcomeLedger(world, engine, this.settling, settings);
    this.sweep = new ExpirySweep(world, engine, settings);
  }

  async close(): Promise<void> {
    await this.sweep.close();
    await this.engine.close();
  }
}
