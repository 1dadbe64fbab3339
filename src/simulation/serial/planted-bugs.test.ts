/** Each planted bug must be found: a checker that finds nothing proves nothing. */

import { afterEach, expect, test } from "vitest";
import type { Lsn } from "../../base/ids.ts";
import { Fence } from "../../store/fence.ts";
import { openEngine } from "../../transactions/open-engine.ts";
import type { Step } from "../../transactions/step.ts";
import type { Transactions } from "../../transactions/transactions.ts";
import type { World } from "../../world/world.ts";
import { runSerial } from "./serial-run.ts";
import type { LifeEnd, SwarmPlan } from "./swarm.ts";
import type { FaultRule } from "../../volume/fault-plan.ts";
import { read, write } from "./rows.ts";
import { RolledBack, type Workload } from "./workload.ts";
import { bank } from "./workloads/bank.ts";
import { counters } from "./workloads/counters.ts";
import { listAppend } from "./workloads/list-append.ts";
import { phantoms } from "./workloads/phantoms.ts";

const MB = 1 << 20;
const SEEDS_MAX = 40;

afterEach(() => {
  Object.defineProperty(Fence.prototype, "isClear", fenceIsClear);
});
const fenceIsClear = must(Object.getOwnPropertyDescriptor(Fence.prototype, "isClear"));

const crashes: readonly LifeEnd[] = Array.from({ length: 6 }, (_, index) => ({
  kind: "crash",
  how: "power",
  afterMs: 12 + index,
}));

const takeOver: readonly LifeEnd[] = [
  { kind: "take-over", afterMs: 25 },
  { kind: "crash", how: "process", afterMs: 5000 },
];

test("without a bug the same runs are as they should be", async () => {
  for (const ends of [[], crashes, takeOver]) {
    expect(await findBug(several, ends, () => undefined, 2)).toBe("");
  }
});

test("without range locks phantoms appear", async () => {
  const found = await findBug(
    () => [phantoms(1)],
    [],
    (engine) => {
      const { locks } = engine;
      const request = locks.request.bind(locks);
      locks.request = (id, target, mode) => target.kind === "range" || request(id, target, mode);
    },
  );
  expect(found).toMatch(/G2 |G2\b|write skew|group 0 (has|adds up)/);
});

test("without key locks transfers are lost", async () => {
  const found = await findBug(
    () => [bank(4)],
    [],
    (engine) => {
      engine.locks.request = () => true;
    },
  );
  expect(found).toMatch(/lost-update|G-single|G2-item|accounts hold/);
});

test("an answer before it is durable is lost in a crash", async () => {
  const found = await findBug(
    () => [counters(3)],
    crashes,
    (engine) => {
      tellAtOnce(engine);
    },
  );
  expect(found).toMatch(/the acknowledged commit of T\d+ at \d+ was lost/);
  expect(found).toMatch(/counter\/\d+ is \d+, and must be from/);
});

test("a thrown error that is told before what it saw is durable tells of what never was", async () => {
  const found = await findBug(
    () => [refusals],
    crashes,
    (engine) => {
      const run = engine.run.bind(engine);
      engine.run = async (body, options) =>
        await new Promise((resolve, reject) => {
          const early = (step: Step): ReturnType<typeof body> => {
            try {
              return body(step);
            } catch (error) {
              if (error instanceof Error) reject(error);
              throw error;
            }
          };
          run(early, options).then(resolve, reject);
        });
    },
  );
  expect(found).toMatch(/phantom-value|wrong-value|G1a|G-single-realtime|G1c-realtime/);
});

test("a page fault between append and apply lets others in between", async () => {
  const found = await findBug(
    () => [bank(4), listAppend(2)],
    [],
    (engine, world) => {
      const { store } = engine;
      const commit = store.commit.bind(store);
      let due = 0;
      store.commit = (bytes, at, length) => {
        const writes = bytes.slice(at, at + length);
        const position = store.appendedLsn + ++due;
        world.clock.after(0.01, () => {
          due--;
          commit(writes, 0, length);
        });
        return position;
      };
    },
  );
  expect(found).toMatch(/lost-update|G-single|G0|accounts hold/);
});

test("who outlives a take-over without a fence loses what was acknowledged", async () => {
  const found = await findBug(
    () => [bank(6), counters(3)],
    takeOver,
    () => {
      Object.defineProperty(Fence.prototype, "isClear", { get: () => true, configurable: true });
    },
  );
  expect(found).toMatch(/was lost|cannot be opened|is not what was written|the store at the end/);
});

test("reads that do not wait for what they saw tell of what never was", async () => {
  const found = await findBug(
    () => [bank(3), refusals],
    crashes,
    (engine) => {
      engine.store.dependencies.of = () => 0;
    },
  );
  expect(found).toMatch(/phantom-value|wrong-value|G1a|-realtime/);
});

/** Says that everything is settled as soon as it is appended. */
function tellAtOnce(engine: Transactions): void {
  const { store } = engine;
  Object.defineProperty(store, "settledLsn", { get: (): Lsn => store.appendedLsn });
  store.whenSettled = async () => undefined;
}

/** What the first seed that finds the bug says of it. */
async function findBug(
  /** Made anew for each run, since they remember what was acknowledged. */
  workloads: () => readonly Workload[],
  ends: readonly LifeEnd[],
  plant: (engine: Transactions, world: World) => void,
  seedsMax: number = SEEDS_MAX,
): Promise<string> {
  const planOf = (): SwarmPlan => ({
    workloads: workloads(),
    clientCount: 16,
    actsPerClient: 12,
    thinkMsMax: 2,
    impatiencePercent: 0,
    store: { cacheBytes: 4 * MB, logBytes: 4 * MB, pagesBytes: MB, stallMs: 200 },
    diskRules: ends.length > 1 ? [slowSync] : [],
    ends,
  });
  for (let seed = 1; seed <= seedsMax; seed++) {
    const { violations } = await runSerial({
      seed,
      drain,
      plan: planOf(),
      open: async (world, directory, options) => {
        const engine = await openEngine(world, directory, options);
        plant(engine, world);
        return engine;
      },
    });
    if (violations.length > 0) return violations.join("\n");
  }
  return "";
}

function several(): readonly Workload[] {
  return [bank(4), counters(3), listAppend(2), phantoms(1), refusals];
}

/** Rows that change all the time, and bodies that refuse because of what they found. */
const refusals: Workload = {
  name: "refusals",
  setup: async () => undefined,
  act: async (client) => {
    const key = `refusals/${client.random.below(3)}`;
    const text = client.unique();
    const refuses = client.random.chance(60);
    await client.run((step) => {
      const found = read(step, key);
      if (refuses) throw new RolledBack(`${key} is ${found}`);
      write(step, key, text);
    });
  },
  check: async () => undefined,
};
/** Commits are seen for a while before they are durable. */
const slowSync: FaultRule = {
  operations: ["durable", "sync"],
  skip: 60,
  count: "forever",
  fault: { kind: "slow", delayMs: 2 },
};

async function drain(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("it is there");
  return value;
}
