import { hostWorld } from "../host/world.ts";
import { formatStore, storeBytes } from "../store/format.ts";
import { defaultStoreOptions } from "../store/options.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { openVolumeEngine } from "./open-engine.ts";
import { testTransactionStore } from "./transaction-store.suite.ts";

const STORE = {
  ...defaultStoreOptions,
  cacheBytes: 4 << 20,
  logBytes: 4 << 20,
  pagesBytes: 4 << 20,
};

testTransactionStore("the log-structured store", async (body) => {
  const world = hostWorld();
  const volume = new MemoryVolume(storeBytes(STORE));
  await formatStore(world, volume, STORE);
  const engine = await openVolumeEngine(world, volume, STORE);
  await body(engine);
  await engine.close();
});
