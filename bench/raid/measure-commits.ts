/** Measures the commits of a store on one layout: `measure-commits.ts LAYOUT DIRECTORY SECONDS`. */

import { hostWorld } from "../holdfast.ts";
import { printFigures } from "../in-process.ts";
import { keyOf, valueOf } from "../library/peer.ts";
import { createLayout, layoutNamed } from "./layouts.ts";
import { storeModules } from "./modules.ts";

const WRITERS = 50;
const KEY_COUNT = 100_000;
const BALANCE = 1_000;
const LOG_BYTES = 64 * 1024 * 1024;
const WARM_UP_SHARE = 0.25;
const MS_PER_SECOND = 1_000;

const [layoutName, directory = "", secondsText] = process.argv.slice(2);
const seconds = Number(secondsText);

const world = await hostWorld();
const { defaultStoreOptions, formatStore, openVolumeEngine, storeBytes } = await storeModules();
const options = { ...defaultStoreOptions, logBytes: LOG_BYTES };
const bytes = storeBytes(options);
const volume = await createLayout(world, layoutNamed(layoutName), directory, bytes);
await formatStore(world, volume, options);
const engine = await openVolumeEngine(world, volume, options);

await commitFor(seconds * WARM_UP_SHARE);
const count = await commitFor(seconds);
printFigures({ commitsPerSecond: count / seconds });
await engine.close();

async function commitFor(lengthSeconds: number): Promise<number> {
  const endMs = performance.now() + lengthSeconds * MS_PER_SECOND;
  let commits = 0;
  const writer = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const key = keyOf(Math.floor(Math.random() * KEY_COUNT));
      await engine.run((step) => step.set(key, valueOf(BALANCE)));
      await engine.whenSettled(engine.answerLsn);
      commits++;
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  return commits;
}
