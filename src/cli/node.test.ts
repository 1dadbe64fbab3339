import { pino } from "pino";
import { expect, test } from "vitest";
import { MemoryStore } from "../redis/memory-store.suite.ts";
import { type NodeOptions, ServingNode } from "./node.ts";
import { gatherSettings } from "./settings.ts";
import { settingsTable } from "./settings-table.ts";

const flags = { "http-port": "0" };
const { values: settings } = await gatherSettings(settingsTable, {
  flags,
  environment: {},
  configFile: undefined,
});

interface Parts {
  readonly options: NodeOptions;
  /** What was opened and closed, in order. */
  readonly done: readonly string[];
  /** Lets the store, or the door, be open. */
  readonly openStore: () => void;
  readonly openDoor: () => void;
}

/** Parts that only say what happens to them, and are open when the test says so. */
function parts(): Parts {
  const done: string[] = [];
  let openStore = (): void => undefined;
  let openDoor = (): void => undefined;
  const storeOpened = new Promise<void>((resolve) => (openStore = resolve));
  const doorOpened = new Promise<void>((resolve) => (openDoor = resolve));
  const closing = (name: string) => async (): Promise<void> => {
    await Promise.resolve(done.push(`${name} closed`));
  };
  const options: NodeOptions = {
    settings,
    password: undefined,
    logger: pino({ level: "silent" }),
    openStore: async () => {
      await storeOpened;
      done.push("store opened");
      return { store: new MemoryStore(), figures: [], array: undefined, close: closing("store") };
    },
    openDoor: async () => {
      await doorOpened;
      done.push("door opened");
      return { port: 1, figures: [], close: closing("door") };
    },
  };
  return { options, done, openStore, openDoor };
}

test("a node serves once store and door are open, and closes the door first", async () => {
  const { options, done, openStore, openDoor } = parts();
  const node = new ServingNode(options);
  openStore();
  openDoor();
  expect(await node.start()).toBe(true);
  expect(node.status().state).toBe("ready");
  await node.stop();
  expect(await node.ended).toBeUndefined();
  expect(done).toEqual(["store opened", "door opened", "door closed", "store closed"]);
});

test("a node that is stopped while its store is being opened serves nobody", async () => {
  const { options, done, openStore, openDoor } = parts();
  const node = new ServingNode(options);
  const started = node.start();
  const stopped = node.stop();
  openStore();
  openDoor();
  expect(await started).toBe(false);
  await stopped;
  expect(await node.ended).toBeUndefined();
  expect(done).toEqual(["store opened", "store closed"]);
});

test("a node that is stopped while its door is being opened closes both", async () => {
  const { options, done, openStore, openDoor } = parts();
  const node = new ServingNode(options);
  const started = node.start();
  openStore();
  await expect.poll(() => done).toEqual(["store opened"]);
  const stopped = node.stop();
  openDoor();
  expect(await started).toBe(false);
  await stopped;
  expect(done.slice(2)).toEqual(["door closed", "store closed"]);
});
