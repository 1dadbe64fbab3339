/**
 * Holdfast as it is built and published: from `dist/`, so that what is measured is what a user
 * runs. Its parts are put together here by hand where a measurement needs one of them alone.
 */

import type { Database } from "../src/database/database.ts";
import type * as MainModule from "../src/entry/main.ts";
import type * as EngineModule from "../src/transactions/open-engine.ts";
import type { Transactions } from "../src/transactions/transactions.ts";
import type * as ShadowModule from "../src/shadow/shadow-store.ts";
import type { StoreOptions } from "../src/store/options.ts";
import type * as WorldModule from "../src/host/world.ts";
import type { World } from "../src/world/world.ts";

export async function hostWorld(): Promise<World> {
  const { hostWorld: makeWorld } = await built<typeof WorldModule>("host/world.js");
  return makeWorld();
}

/** Loads the code, so that the time it takes is not measured as the store's. */
export async function loadEngine(): Promise<void> {
  await hostWorld();
  await built<typeof EngineModule>("transactions/open-engine.js");
}

/** The store without the library on top. */
export async function openEngine(
  directory: string,
  store: Partial<StoreOptions> = {},
): Promise<Transactions> {
  const { openEngine: open } = await built<typeof EngineModule>("transactions/open-engine.js");
  return await open(await hostWorld(), directory, { store, program: "benchmark" });
}

export async function openDatabase(directory: string): Promise<Database> {
  const { open } = await built<typeof MainModule>("entry/main.js");
  return await open(directory);
}

export async function shadowModule(): Promise<typeof ShadowModule> {
  return await built<typeof ShadowModule>("shadow/shadow-store.js");
}

export async function built<Module>(path: string): Promise<Module> {
  return (await import(new URL(`../dist/${path}`, import.meta.url).href)) as Module;
}
