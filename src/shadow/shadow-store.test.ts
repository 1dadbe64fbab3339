import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { latin1 } from "../base/bytes.ts";
import { isFault } from "../base/fault.ts";
import { lsn } from "../base/ids.ts";
import { hostWorld } from "../host/world.ts";
import type { SimulatedMachine } from "../simulation/simulated-machine.ts";
import { defaultSimulationOptions, SimulatedWorld } from "../simulation/simulated-world.ts";
import { MUST_WAIT, type Step } from "../transactions/step.ts";
import { testTransactionStore } from "../transactions/transaction-store.suite.ts";
import type { StorageOperation } from "../volume/fault-plan.ts";
import {
  createShadowStore,
  defaultShadowOptions,
  openShadowStore,
  type ShadowStore,
} from "./shadow-store.ts";

const PATH = "/data/store";

testTransactionStore("a shadow store", async (body) => {
  await withStore(async (store) => {
    await body(store);
    await store.close();
  });
});

describe("commits", () => {
  test("that gather in a turn or during a replacement share one", async () => {
    await withStore(async (store, machine) => {
      const before = machine.disk.plan.operationCount;
      for (let index = 0; index < 100; index++) store.tryRun(writer(`k${index}`));
      await store.whenSettled(store.answerLsn);
      const perReplacement = machine.disk.plan.operationCount - before;
      expect(perReplacement).toBeLessThan(10);

      store.tryRun(writer("first"));
      await store.whenSettled(lsn(store.settledLsn));
      await machine.world.files.kind("/");
      for (let index = 0; index < 100; index++) store.tryRun(writer(`m${index}`));
      await store.whenSettled(store.answerLsn);
      const inAll = machine.disk.plan.operationCount - before - 1;
      expect(inAll).toBe(3 * perReplacement);
    });
  });

  test("of bodies that only read touch nothing", async () => {
    await withStore(async (store, machine) => {
      const before = machine.disk.plan.operationCount;
      store.tryRun((step) => step.get(bytes("a")));
      await machine.world.files.kind("/");
      expect(machine.disk.plan.operationCount).toBe(before + 1);
      expect(store.answerLsn).toBe(0);
    });
  });

  test("are all there when the file is opened again, with their versions", async () => {
    await withStore(async (store, machine) => {
      store.tryRun(writer("a"));
      store.tryRun(writer("b"));
      await store.close();
      const again = await openShadowStore(machine.world, PATH);
      expect(again.answerLsn).toBe(2);
      expect(again.tryRun(readAll)).toEqual(["a@1", "b@2"]);
      await again.run(writer("c"));
      expect(again.answerLsn).toBe(3);
      await again.close();
    });
  });

  test("larger than the limits are refused", async () => {
    await withStore(async (store) => {
      const long = new Uint8Array(defaultShadowOptions.keyBytesMax + 1);
      expect(codeOf(() => store.tryRun((step) => step.set(long, bytes(""))))).toBe("ERR_LIMIT");
      expect(store.answerLsn).toBe(0);
    });
  });
});

describe("interactive transactions", () => {
  test("run at once, wait and take turns in the order of arrival", async () => {
    await withStore(async (store) => {
      const first = store.begin();
      expect(first.tryRun(writer("a"))).toBe("a");
      const second = store.begin();
      expect(second.tryRun(writer("b"))).toBe(MUST_WAIT);
      const order: string[] = [];
      const waiting = [
        second.run(writer("b")).then(async () => {
          order.push("second");
          await second.commit();
        }),
        store.run(writer("c")).then(() => order.push("body")),
      ];
      expect(second.tryRun(writer("b"))).toBe(MUST_WAIT);
      await first.commit();
      await Promise.all(waiting);
      expect(order).toEqual(["second", "body"]);
      expect(store.tryRun(readAll)).toEqual(["a@1", "b@2", "c@3"]);
    });
  });

  test("keep the age they were given, and get older ones the earlier they begin", async () => {
    await withStore(async (store) => {
      const [first, second] = [store.begin(), store.begin()];
      expect(first.age).toBeLessThan(second.age);
      expect(store.begin({ age: 77 }).age).toBe(77);
    });
  });

  test("end when their signal is aborted, whether they wait or not", async () => {
    await withStore(async (store) => {
      const controller = new AbortController();
      const first = store.begin({ signal: controller.signal });
      first.tryRun(writer("a"));
      const reasons: unknown[] = [];
      first.onAbort((reason) => reasons.push(reason));
      const second = store.begin({ signal: controller.signal });
      const waiting = second.run(writer("b"));
      controller.abort(new Error("enough"));
      await expectCode(waiting, "ERR_TIMEOUT");
      expect(reasons).toEqual([first.aborted]);
      expect(codeOf(() => first.tryRun(writer("c")))).toBe("ERR_TIMEOUT");
      await expectCode(second.commit(), "ERR_TIMEOUT");
      expect(store.tryRun(readAll)).toEqual([]);
      expect(store.begin({ signal: controller.signal }).aborted).toBeDefined();
    });
  });

  test("that are given up while they wait take no turn", async () => {
    await withStore(async (store) => {
      const first = store.begin();
      first.tryRun(writer("a"));
      const second = store.begin();
      const waiting = second.run(writer("b"));
      second.rollback();
      await first.commit();
      await expectCode(waiting, "ERR_CLOSED");
      expect(store.tryRun(readAll)).toEqual(["a@1"]);
    });
  });

  test("that only read commit at the position that they saw", async () => {
    await withStore(async (store) => {
      store.tryRun(writer("a"));
      const reader = store.begin();
      reader.tryRun(readAll);
      expect(reader.answerLsn).toBe(1);
      expect(await reader.commit()).toBe(1);
      expect(await store.begin().commit()).toBe(1);
    });
  });
});

describe("snapshots and changes", () => {
  test("a snapshot stays what it was", async () => {
    await withStore(async (store) => {
      store.tryRun(writer("a"));
      const snapshot = await store.snapshot();
      expect(store.settledLsn).toBe(1);
      store.tryRun((step) => step.delete(bytes("a")));
      expect(snapshot.tryRun(readAll)).toEqual(["a@1"]);
      expect(await snapshot.run(readAll)).toEqual(["a@1"]);
      expect(snapshot.position).toBe(1);
      snapshot.release();
    });
  });

  test("changes come settled, in order, from where one asks, until the end", async () => {
    await withStore(async (store) => {
      store.tryRun(writer("a"));
      store.tryRun((step) => step.removeRange(bytes("a"), bytes("z")));
      const seen: string[] = [];
      const following = (async () => {
        for await (const { lsn: position, changes } of store.changes(lsn(0))) {
          expect(position).toBeLessThanOrEqual(store.settledLsn);
          for (const { kind, key } of changes) seen.push(`${position} ${kind} ${latin1(key)}`);
        }
      })();
      await store.whenSettled(store.answerLsn);
      store.tryRun(writer("b"));
      await store.close();
      await following;
      expect(seen).toEqual(["1 put a", "2 remove a", "3 put b"]);
    });
  });

  test("an aborted signal ends who follows, and who is too late is told", async () => {
    const options = { ...defaultShadowOptions, changesKeptCount: 2 };
    await withStore(async (_, machine) => {
      const store = await openShadowStore(machine.world, PATH, options);
      const controller = new AbortController();
      const following = gather(store.changes(lsn(0), controller.signal));
      await machine.world.files.kind("/");
      controller.abort();
      expect(await following).toEqual([]);
      for (let index = 0; index < 6; index++) store.tryRun(writer(`${index}`));
      expect(store.oldestChangeLsn).toBe(3);
      await expectCode(gather(store.changes(lsn(2))), "ERR_VERSION_GONE");
      const later = gather(store.changes(lsn(3)));
      await store.close();
      expect(await later).toEqual([4, 5, 6]);
    });
  });
});

describe("the end", () => {
  test("close settles everything, refuses what comes and rolls back what is open", async () => {
    await withStore(async (store) => {
      store.tryRun(writer("a"));
      const open = store.begin();
      open.tryRun(writer("b"));
      const waiting = store.run(writer("c"));
      const closing = store.close();
      await expectCode(waiting, "ERR_CLOSED");
      await closing;
      expect(store.settledLsn).toBe(1);
      expect(isFault(open.aborted, "ERR_CLOSED")).toBe(true);
      expect(codeOf(() => store.tryRun(readAll))).toBe("ERR_CLOSED");
      expect(codeOf(() => store.begin())).toBe("ERR_CLOSED");
      await store.close();
    });
  });

  test("a replacement that fails fails the store for ever", async () => {
    await withStore(async (store, machine) => {
      store.tryRun(writer("a"));
      await store.whenSettled(store.answerLsn);
      const fault = { kind: "error" } as const;
      machine.disk.plan.add({ operations: ["sync"], skip: 0, count: 1, fault });
      const failures: unknown[] = [];
      store.onFailure((failure) => failures.push(failure));
      const open = store.begin();
      store.tryRun(writer("b"));
      open.tryRun(writer("c"));
      const follower = gather(store.changes(lsn(1)));
      await expectCode(store.whenSettled(store.answerLsn), "ERR_UNAVAILABLE");
      await expectCode(follower, "ERR_UNAVAILABLE");
      expect(failures).toEqual([store.failure]);
      expect(isFault(open.aborted, "ERR_UNAVAILABLE")).toBe(true);
      expect(codeOf(() => store.tryRun(readAll))).toBe("ERR_UNAVAILABLE");
      await expectCode(store.whenSettled(store.answerLsn), "ERR_UNAVAILABLE");
      await store.close();
      const again = await openShadowStore(machine.world, PATH);
      expect(again.tryRun(readAll)).toEqual(["a@1"]);
    });
  });

  test("a file that is missing, in the way or damaged is refused", async () => {
    const directory = await mkdtemp(join(tmpdir(), "shadow-"));
    try {
      const world = hostWorld();
      const path = join(directory, "store");
      await expectCode(openShadowStore(world, path), "ERR_FORMAT");
      const store = await createShadowStore(world, path);
      await expectCode(createShadowStore(world, path), "ERR_FORMAT");
      store.tryRun(writer("a"));
      await store.close();
      const text = await readFile(path, "latin1");
      expect(text).toContain('["a","a",1,');
      await writeFile(path, text.replace('"a","a"', '"a","b"'));
      const refused = openShadowStore(world, path);
      await expect(refused).rejects.toThrow(`Line 2 of "${path}" is damaged`);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

const DISTURBED: readonly StorageOperation[] = [
  "write",
  "sync",
  "open",
  "close",
  "rename",
  "remove",
  "syncDirectory",
];

describe.each(["process", "power"] as const)("when the %s dies", (how) => {
  test.each([1, 2, 3])("what was settled is there, in order, seed %i", async (seed) => {
    for (let skip = 0; ; skip++) {
      const simulation = new SimulatedWorld({ ...defaultSimulationOptions, seed, drain });
      const machine = simulation.node("a");
      await simulation.run(async () => await makeStore(machine));
      const rule = {
        operations: DISTURBED,
        skip,
        count: 1,
        fault: { kind: "crash", how },
      } as const;
      machine.disk.plan.add(rule);
      const written = { settled: 0, appended: 0 };
      const isOver = await simulation.run(async () => {
        const crashed = new Promise<boolean>((resolve) => {
          machine.crashed = () => resolve(false);
        });
        return await Promise.race([crashed, writeSome(machine, written)]);
      });
      machine.disk.plan.clear();
      await simulation.run(async () => {
        const store = await openShadowStore(machine.world, PATH);
        expect(store.answerLsn).toBeGreaterThanOrEqual(written.settled);
        expect(store.answerLsn).toBeLessThanOrEqual(written.appended);
        const kept = Array.from(
          { length: store.answerLsn },
          (_, index) => `k${index}@${index + 1}`,
        );
        expect(store.tryRun(readAll)).toEqual(kept);
        store.tryRun(writer("z"));
        await store.close();
      });
      if (isOver) break;
    }
  });
});

/** Ten transactions, some of them together; notes which are settled and which may be. */
async function writeSome(
  machine: SimulatedMachine,
  written: { settled: number; appended: number },
): Promise<boolean> {
  const store = await openShadowStore(machine.world, PATH);
  store.onSettled(() => {
    written.settled = store.settledLsn;
  });
  for (let index = 0; index < 10; index++) {
    store.tryRun(writer(`k${index}`));
    written.appended = store.answerLsn;
    if (index % 3 === 0) await store.whenSettled(store.answerLsn);
  }
  await store.close();
  return true;
}

async function withStore(
  body: (store: ShadowStore, machine: SimulatedMachine) => Promise<void>,
): Promise<void> {
  const simulation = new SimulatedWorld({ ...defaultSimulationOptions, seed: 1, drain });
  const machine = simulation.node("a");
  await simulation.run(async () => await body(await makeStore(machine), machine));
}

async function makeStore(machine: SimulatedMachine): Promise<ShadowStore> {
  const { files } = machine.world;
  await files.makeDirectory("/data");
  await files.syncDirectory("/");
  return await createShadowStore(machine.world, PATH);
}

/** Writes the text under itself. */
function writer(text: string): (step: Step) => string {
  return (step) => {
    step.set(bytes(text), bytes(text));
    return text;
  };
}

function readAll(step: Step): readonly string[] {
  const found: string[] = [];
  step.scan({ start: bytes(""), end: undefined }, ({ keyBytes, keyLength, version }) => {
    return found.push(`${latin1(keyBytes, 0, keyLength)}@${version}`) > 0;
  });
  return found;
}

async function gather(
  changes: AsyncIterable<{ readonly lsn: number }>,
): Promise<readonly number[]> {
  const seen: number[] = [];
  for await (const { lsn: position } of changes) seen.push(position);
  return seen;
}

async function expectCode(work: Promise<unknown>, code: string): Promise<void> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(isFault(error) ? error.code : error).toBe(code);
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return isFault(error) ? error.code : String(error);
  }
  return "nothing";
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function drain(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
