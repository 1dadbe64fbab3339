import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Fault, isFault } from "../base/fault.ts";
import { createShadowStore, openShadowStore } from "../shadow/shadow-store.ts";
import type { SimulatedProcess } from "../simulation/simulated-process.ts";
import type { SimulatedWorld } from "../simulation/simulated-world.ts";
import { acquireDirectoryLock, directoryTakenFault } from "../world/directory-lock.ts";
import type { Connection, ConnectionHandler } from "../world/network.ts";
import type { World } from "../world/world.ts";
import { AttachConnection } from "./attach-connection.ts";
import type { Database } from "./database.ts";
import { openDirectory } from "./open-directory.ts";
import { RemoteTransaction } from "./remote-transaction.ts";
import { smallOptions } from "../../test/support/small-store.ts";
import { openEngine } from "../transactions/open-engine.ts";
import { makeSimulation, TestEngine } from "./test-engine.suite.ts";
import type { Transaction } from "./transaction.ts";

const DIRECTORY = "/data";

describe("a process that finds the store open", () => {
  test("is served in all that a database offers", async () => {
    await withTwo(async ({ first, second, sleep }) => {
      const { version } = await second.db.snapshot();
      await second.db.set("a", { from: "second" });
      await second.db.set(["k", 1], 1, { ttlMs: 5000 });
      expect(await first.db.get("a")).toEqual({ from: "second" });
      await first.db.set(["k", 2], Uint8Array.of(2));
      expect(await second.db.getMany(["a", ["k", 2], "none"])).toEqual([
        { from: "second" },
        Uint8Array.of(2),
        undefined,
      ]);
      expect(await second.db.getEntry("a")).toEqual(await first.db.getEntry("a"));
      const batch = await second.db.atomic().check("n", null).add("n", 5n).commit();
      expect(batch).toMatchObject({ ok: true });
      expect(await second.db.atomic().check("n", null).add("n", 5n).commit()).toEqual({
        ok: false,
        key: "n",
      });
      expect(await codeOf(second.db.atomic().add("a", 1n).commit())).toBe("ERR_ARGUMENT");
      const result = await second.db.transact(async (tx) => {
        tx.set(["k", 3], 3);
        expect(await tx.getForUpdate("n")).toBe(5n);
        tx.add("n", 1n);
        const keys: unknown[] = [];
        for await (const { key } of tx.scan({ prefix: "k", reverse: true })) keys.push(key);
        expect(keys).toEqual([
          ["k", 3],
          ["k", 2],
          ["k", 1],
        ]);
        expect(await tx.getMany(["n", ["k", 1]])).toEqual([6n, 1]);
        return tx.id;
      });
      expect(await first.db.outcome(result)).toBe("committed");
      expect(await second.db.outcome(result)).toBe("committed");
      const rows: unknown[] = [];
      for await (const { key } of second.db.scan({ prefix: "k", limit: 2 })) rows.push(key);
      expect(rows).toEqual([
        ["k", 1],
        ["k", 2],
      ]);
      const watch = second.db.watch({ prefix: "k" }, { from: version });
      expect((await watch.next()).value).toMatchObject({ key: ["k", 1], value: 1 });
      expect((await watch.next()).value).toMatchObject({ key: ["k", 2] });
      await watch.next();
      const next = watch.next();
      await sleep(10);
      await first.db.delete(["k", 2]);
      expect((await next).value).toMatchObject({ key: ["k", 2], value: undefined });
      await watch.return();
      await second.db.delete("a");
      expect(await first.db.get("a")).toBeUndefined();
    });
  });

  test("reckons deadlines by the time of the store, though its own clock is behind", async () => {
    await withTwo(async ({ first, simulation, sleep, startOne }) => {
      simulation.node("a").clock.wallOffsetMs = -3_600_000;
      const late = await startOne({ attach: true });
      await late.db.set("a", 1, { ttlMs: 5000 });
      expect(await first.db.get("a")).toBe(1);
      await sleep(4000);
      expect(await late.db.get("a")).toBe(1);
      await sleep(2000);
      expect(await late.db.get("a")).toBeUndefined();
    });
  });

  test("is served for as long as it likes", async () => {
    await withTwo(async ({ second }) => {
      for (const timeoutMs of [1500.5, Number.POSITIVE_INFINITY]) {
        await second.db.transact((tx) => tx.set("a", timeoutMs), { timeoutMs });
        expect(await second.db.get("a")).toBe(timeoutMs);
      }
    });
  });

  test("keeps idempotency keys with it", async () => {
    await withTwo(async ({ first, second }) => {
      const answers = await Promise.all(
        [second.db, first.db].map(async (db, index) => {
          const body = (tx: Transaction): number => {
            tx.add("n", 1n);
            return index;
          };
          return await db.transact(body, { idempotencyKey: "once" });
        }),
      );
      expect(answers[0]).toBe(answers[1]);
      expect(await second.db.get("n")).toBe(1n);
    });
  });

  test("is told what is settled only, within transactions too", async () => {
    await withTwo(async ({ first, second, sleep }) => {
      await second.db.set("a", 1);
      first.engine().hold();
      void first.db.set("a", 2);
      const told: unknown[] = [];
      const answer = second.db.transact(async (tx) => {
        told.push(await tx.get("a"));
      });
      const read = second.db.get("a").then((value) => told.push(value));
      await sleep(200);
      expect(told).toEqual([]);
      first.engine().letGo();
      await Promise.all([answer, read]);
      expect(told).toEqual([2, 2]);
    });
  });

  test("hears of a wound while its body runs", async () => {
    await withTwo(async ({ first, second, sleep }) => {
      const events: string[] = [];
      await second.db.transact(async (tx) => {
        events.push("begin");
        if (events.length > 1) return;
        tx.signal.addEventListener("abort", () => events.push("abort"));
        await tx.get("a");
        first.engine().open.at(-1)?.wound();
        await sleep(50);
        events.push("end");
      });
      expect(events).toEqual(["begin", "abort", "end", "begin"]);
    });
  });

  test("leaves nothing behind when it dies", async () => {
    await withTwo(async ({ first, second, sleep }) => {
      void second.db.transact(async (tx) => {
        await tx.getForUpdate("a");
        await sleep(1_000_000);
      });
      await sleep(50);
      second.process.kill();
      await sleep(50);
      await first.db.set("a", 1);
      expect(await first.db.get("a")).toBe(1);
    });
  });

  test("is refused, with the holder's name, if it does not want to be served", async () => {
    await withTwo(async ({ startOne }) => {
      const fault = await faultOf(startOne({ attach: false }));
      expect(fault).toMatchObject({ code: "ERR_LOCKED" });
      expect(String(fault)).toContain("the tests");
    });
  });
});

describe("when the process that has the store open is gone", () => {
  test("the other takes over, and goes on with what it was about to do", async () => {
    await withTwo(async ({ first, second, sleep }) => {
      await second.db.set("a", 1);
      const watch = second.db.watch({ key: "a" });
      const change = watch.next();
      const runs: string[] = [];
      const transaction = second.db.transact(async (tx) => {
        runs.push(tx.id);
        const value = await tx.getForUpdate<number>("a");
        await sleep(20);
        tx.set("a", (value ?? 0) + 1);
        return tx.id;
      });
      await sleep(10);
      first.process.kill();
      const read = second.db.get("a");
      const write = second.db.set("b", 2);
      const id = await transaction;
      expect(runs.length).toBe(2);
      expect(await second.db.outcome(id)).toBe("committed");
      expect(await read).toBeGreaterThanOrEqual(1);
      await write;
      expect(await second.db.getMany(["a", "b"])).toEqual([2, 2]);
      expect((await change).value).toMatchObject({ key: ["a"], value: 2 });
      expect(second.db.getCached("a")).toBe(2);
      await watch.return();
    });
  });

  test("a commit that was under way is found, or made anew, once", async () => {
    await withTwo(async ({ first, second, sleep }) => {
      const before = await second.db.snapshot();
      first.engine().hold();
      const commits: string[] = [];
      const batch = second.db.atomic().add("n", 1n).commit();
      const transaction = second.db.transact((tx) => {
        tx.add("m", 1n);
        tx.afterCommit((version) => commits.push(version));
        return tx.id;
      });
      const set = second.db.set("s", 1);
      await sleep(100);
      const late = second.db.atomic().add("n", 1n).commit();
      first.process.kill();
      await set;
      const answers = [await batch, await late];
      expect(await second.db.outcome(await transaction)).toBe("committed");
      expect(commits.length).toBe(1);
      expect(await second.db.getMany(["n", "m", "s"])).toEqual([2n, 1n, 1]);
      const { version } = (await second.db.getEntry("n")) ?? { version: undefined };
      expect(answers.some((answer) => answer.ok && answer.version === version)).toBe(true);
      expect((await second.db.getEntry("m"))?.version).toBe(commits[0]);
      expect(before.version < (commits[0] ?? "")).toBe(true);
    });
  });

  test("a commit is unknown if nobody takes over in time, until somebody does", async () => {
    await withTwo(async ({ first, second, sleep }) => {
      first.engine().hold();
      const batch = faultOf(second.db.atomic().add("n", 1n).commit());
      const transaction = faultOf(
        second.db.transact((tx) => {
          tx.add("m", 1n);
        }),
      );
      const set = faultOf(second.db.set("s", 1));
      await sleep(100);
      second.setBlocked(true);
      first.process.kill();
      for (const [answer, key] of [
        [batch, "n"],
        [transaction, "m"],
        [set, "s"],
      ] as const) {
        const fault = await answer;
        expect(fault).toMatchObject({ code: "ERR_COMMIT_UNKNOWN" });
        second.setBlocked(false);
        const outcome = await second.db.outcome(idOf(fault));
        expect(await second.db.get(key)).toEqual(
          outcome === "committed" ? (key === "s" ? 1 : 1n) : undefined,
        );
      }
    });
  });

  test("a watch that was about to begin misses nothing of what follows", async () => {
    await withTwo(async ({ first, second, sleep, startOne }) => {
      const third = await startOne({ attach: true });
      await second.db.set("a", 1);
      await sleep(10);
      const change = third.db.watch({ key: "a" }).next();
      first.process.kill();
      third.process.pause();
      await second.db.set("a", 2);
      third.process.resume();
      const seen = await Promise.race([change, sleep(1000)]);
      expect(seen?.value).toMatchObject({ key: ["a"], value: 2 });
    });
  });

  test("a watch that asked it where to begin misses nothing that it still committed", async () => {
    const simulation = makeSimulation(1);
    await simulation.run(async () => {
      const [first, second] = [await startReal(simulation), await startReal(simulation)];
      await first.db.set("a", 1);
      const third = await startReal(simulation);
      third.mute();
      const change = third.db.watch({ key: "a" }).next();
      await first.db.set("b", 0);
      await first.db.set("a", 2);
      first.process.kill();
      expect(await second.db.get("a")).toBe(2);
      expect((await change).value).toMatchObject({ key: ["a"], value: 2 });
    });
  });

  test("a watch of rows that nobody wrote goes on where all others were written", async () => {
    const simulation = makeSimulation(1);
    await simulation.run(async () => {
      const [first, second] = [await startReal(simulation), await startReal(simulation)];
      const watch = second.db.watch({ key: "a" });
      const change = watch.next();
      await new Promise<void>((resolve) => simulation.after(10, resolve));
      for (let count = 0; count < 20; count++) await first.db.set("b", count);
      await first.db.close();
      await second.db.set("a", 1);
      expect((await change).value).toMatchObject({ key: ["a"], value: 1 });
      await watch.return();
    });
  });

  test("a watch of rows that nobody wrote goes on, however much the others were", async () => {
    await withReal(async ({ holder, served, sleep }) => {
      const watch = served.db.watch({ key: "quiet" });
      const change = watch.next();
      await sleep(100);
      const large = new Uint8Array(100_000);
      for (let count = 0; count < 80; count++) {
        await holder.db.set(["loud", count % 4], large);
        await sleep(50);
      }
      holder.process.kill();
      await served.db.set("quiet", 1);
      expect((await change).value).toMatchObject({ key: ["quiet"], value: 1 });
      await watch.return();
    });
  });

  test("a snapshot is gone with it, and says so", async () => {
    await withTwo(async ({ first, second, sleep }) => {
      await second.db.set("a", 1);
      const snapshot = await second.db.snapshot();
      first.process.kill();
      await sleep(10);
      expect(await codeOf(snapshot.get("a"))).toBe("ERR_ABORTED");
      expect(await codeOf(snapshot.scan().next())).toBe("ERR_ABORTED");
      snapshot.close();
    });
  });

  test("one that closes in good order answers what it was asked, and hands on", async () => {
    await withTwo(async ({ first, second, startOne }) => {
      const third = await startOne({ attach: true });
      const watch = second.db.watch({ key: "a" });
      const change = watch.next();
      const writes = [1, 2, 3].map(async (number) => await second.db.set([number], number));
      await Promise.all([...writes, first.db.close()]);
      expect(await second.db.getMany([[1], [2], [3]])).toEqual([1, 2, 3]);
      await third.db.set("a", 1);
      expect(await second.db.get("a")).toBe(1);
      expect((await change).value).toMatchObject({ key: ["a"], value: 1 });
      await second.db.close();
      expect(await third.db.get("a")).toBe(1);
      await third.db.close();
      expect(await codeOf(third.db.get("a"))).toBe("ERR_CLOSED");
      const last = await startOne({ attach: false });
      expect(await last.db.get("a")).toBe(1);
    });
  });
});

test("who asks a holder that is stopped is told so in time", async () => {
  await withTwo(async ({ first, second }) => {
    await first.db.set("a", 1);
    first.process.pause();
    const written = faultOf(second.db.set("b", 2));
    expect(await codeOf(second.db.get("a"))).toBe("ERR_TIMEOUT");
    expect(await codeOf(second.db.snapshot())).toBe("ERR_TIMEOUT");
    const fault = await written;
    expect(fault).toMatchObject({ code: "ERR_COMMIT_UNKNOWN" });
    first.process.resume();
    expect(await second.db.outcome(idOf(fault))).toBe("committed");
    expect(await second.db.get("b")).toBe(2);
  });
});

test("a holder that hung does not go on with what nobody waits for", async () => {
  await withTwo(async ({ first, second, sleep }) => {
    first.process.pause();
    const options = { timeoutMs: Number.POSITIVE_INFINITY };
    expect(await codeOf(second.db.transact(async (tx) => await tx.get("a"), options))).toBe(
      "ERR_TIMEOUT",
    );
    first.process.resume();
    await sleep(1000);
    expect(first.engine().open.map(({ isOver }) => isOver)).toEqual([true]);
  });
});

test("a commit that cannot be sent leaves nothing open", async () => {
  const told: unknown[] = [];
  class Narrow extends AttachConnection {
    override async ask(): Promise<unknown> {
      await Promise.resolve();
      throw new Fault("ERR_LIMIT", "too much between processes");
    }

    override tell(...message: readonly unknown[]): void {
      told.push(message);
    }
  }
  const simulation = makeSimulation(1);
  const { clock } = simulation.node("a").world;
  const connection = new Narrow(SILENT, clock, 1000);
  const id = { session: 1, sequence: 1, secret: new Uint8Array(16) };
  const transaction = new RemoteTransaction(connection, 7, id, {
    onEnd: () => undefined,
    resolve: async () => await Promise.resolve({ outcome: "aborted" }),
    decide: async (commit) => await commit,
  });
  const request = { writes: [], writeCount: 1, earliestDeadlineMs: Number.POSITIVE_INFINITY };
  expect(await codeOf(transaction.commit(request, () => undefined))).toBe("ERR_LIMIT");
  expect(told).toEqual([["rollback", 7]]);
});

test("who was told that it could not be opened does not hold it later", async () => {
  await withTwo(async ({ first, second, simulation, sleep, startOne }) => {
    await second.db.close();
    first.process.pause();
    expect(await codeOf(start(simulation, { attach: true }))).toBe("ERR_UNAVAILABLE");
    first.process.kill();
    await sleep(60_000);
    const { db } = await startOne({ attach: false });
    await db.set("a", 1);
  });
});

test("what was asked to be committed is committed when it is closed", async () => {
  await withTwo(async ({ first, second }) => {
    let goOn = (): void => undefined;
    let began = (): void => undefined;
    const hasBegun = new Promise<void>((resolve) => (began = resolve));
    const open = second.db.transact(async (tx) => {
      tx.set("open", 1);
      began();
      await new Promise<void>((resolve) => (goOn = resolve));
    });
    const ended = codeOf(open);
    await hasBegun;
    const batches = [1, 2, 3].map((index) => second.db.set(["k", index], index));
    await second.db.close();
    await Promise.all(batches);
    expect(await ended).toBe("ERR_CLOSED");
    goOn();
    expect(await first.db.getMany([["k", 3], "open"])).toEqual([3, undefined]);
  });
});

test("a holder that serves nobody is named after a while", async () => {
  const simulation = makeSimulation(1);
  await simulation.run(async () => {
    const machine = simulation.node("a");
    const drop = { data: () => undefined, drained: () => undefined, closed: () => undefined };
    await acquireDirectoryLock(machine.start().world, DIRECTORY, "serve", (connection) => {
      connection.handle(drop);
      connection.destroy();
    });
    const fault = await faultOf(start(simulation, { attach: true }));
    expect(fault).toMatchObject({ code: "ERR_LOCKED" });
    expect(String(fault)).toContain("serve");
  });
});

test("what is no message of ours ends the connection, and nothing else", async () => {
  await withTwo(async ({ first, simulation, sleep }) => {
    const { network } = simulation.node("a").start().world;
    const sent = [
      [255, 255, 255, 255, 1],
      [1, 0, 0, 0, 0xc0],
      [3, 0, 0, 0, 0x92, 1, 0xc0],
      [5, 0, 0, 0, 0x92, 1, 0xa2, 0x6e, 0x6f],
      [1, 0, 0, 0, 0xc1],
    ];
    for (const bytes of sent) {
      const connection = await network.connect({ kind: "local", path: "/data/lock/socket" });
      let isOver = false;
      connection.handle({
        data: () => undefined,
        drained: () => undefined,
        closed: () => {
          isOver = true;
        },
      });
      connection.write(Uint8Array.from(bytes));
      await sleep(50);
      if (bytes.length !== 9) expect(isOver).toBe(true);
      connection.destroy();
    }
    await first.db.set("a", 1);
  });
});

describe("a process that is served asks for much at once", () => {
  test("and those that wait for a lock do not keep out the commit that lets go of it", async () => {
    await withReal(async ({ served, sleep }) => {
      let goOn = (): void => undefined;
      const first = served.db.transact(async (tx) => {
        tx.set("a", ((await tx.getForUpdate<number>("a")) ?? 0) + 1);
        await new Promise<void>((resolve) => (goOn = resolve));
      });
      await sleep(100);
      const others = Array.from({ length: 1030 }, async (_, index) => {
        if (index % 2 === 0) await served.db.set("a", index);
        else await served.db.transact(async (tx) => await tx.getForUpdate("a"));
      });
      await sleep(1000);
      goOn();
      await Promise.all([first, ...others]);
    });
  });

  test("and those that wait for a change do not keep out what makes it", async () => {
    await withReal(async ({ served, sleep }) => {
      const watches = Array.from({ length: 1030 }, () => served.db.watch({ key: "a" }));
      const changes = watches.map(async (watch) => (await watch.next()).value?.value);
      await sleep(1000);
      await served.db.set("a", 1);
      expect(new Set(await Promise.all(changes))).toEqual(new Set([1]));
      await Promise.all(watches.map(async (watch) => await watch.return()));
    });
  });
});

test("whoever dies when, no increment that was acknowledged is lost or made twice", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.array(fc.record({ afterMs: fc.nat(60), how: fc.constantFrom("close", "kill", "reset") }), {
        maxLength: 5,
      }),
      async (seed, ends) => {
        const simulation = makeSimulation(seed);
        await simulation.run(async () => await countUnderDeaths(simulation, ends));
      },
    ),
    { seed: 5, numRuns: 10 },
  );
});

interface End {
  readonly afterMs: number;
  readonly how: string;
}

async function countUnderDeaths(simulation: SimulatedWorld, ends: readonly End[]): Promise<void> {
  const { clock } = simulation.node("steering").world;
  const sleep = async (ms: number): Promise<void> => {
    await new Promise<void>((resolve) => clock.after(ms, resolve));
  };
  const started = [await start(simulation, { attach: true })];
  for (let count = 0; count < 3; count++) started.push(await start(simulation, { attach: true }));
  const survivor = started.at(-1) as Started;
  let madeCount = 0n;
  const end = new AbortController();
  const increment = async ({ db }: Started): Promise<void> => {
    while (!end.signal.aborted) {
      const answer = await incrementOnce(db);
      if (typeof answer === "string") {
        madeCount += (await survivor.db.outcome(answer)) === "committed" ? 1n : 0n;
      } else {
        madeCount += answer;
      }
      await sleep(3);
    }
  };
  const work = Promise.all([increment(survivor), increment(survivor)]);
  for (const { afterMs, how } of ends) {
    await sleep(afterMs);
    if (how === "reset") {
      simulation.resetConnections("a", "a");
      continue;
    }
    const [dying] = started;
    if (dying === undefined || dying === survivor) continue;
    started.shift();
    if (how === "close") await dying.db.close();
    else dying.process.kill();
  }
  await sleep(200);
  end.abort();
  await work;
  expect(await survivor.db.get("n")).toBe(madeCount);
  expect(madeCount).toBeGreaterThan(0n);
}

/** How often it was made, or the id to ask for. */
async function incrementOnce(db: Database): Promise<bigint | string> {
  try {
    await db.transact(async (tx) => {
      tx.set("n", ((await tx.getForUpdate<bigint>("n")) ?? 0n) + 1n);
    });
    return 1n;
  } catch (error) {
    if (isFault(error, "ERR_COMMIT_UNKNOWN")) return idOf(error);
    throw error;
  }
}

interface Started {
  readonly db: Database;
  readonly process: SimulatedProcess;
  /** The engine, if this process has the store open. */
  readonly engine: () => TestEngine;
  /** Whether it is kept from opening the store. */
  readonly setBlocked: (isBlocked: boolean) => void;
}

interface Two {
  readonly first: Started;
  readonly second: Started;
  readonly simulation: SimulatedWorld;
  readonly sleep: (durationMs: number) => Promise<void>;
  readonly startOne: (options: { readonly attach: boolean }) => Promise<Started>;
}

async function withTwo(main: (two: Two) => Promise<void>): Promise<void> {
  const simulation = makeSimulation(1);
  await simulation.run(async () => {
    const first = await start(simulation, { attach: true });
    const second = await start(simulation, { attach: true });
    const { clock } = simulation.node("steering").world;
    const sleep = async (durationMs: number): Promise<void> => {
      await new Promise<void>((resolve) => clock.after(durationMs, resolve));
    };
    const startOne: Two["startOne"] = async (options) => await start(simulation, options);
    await main({ first, second, simulation, sleep, startOne });
  });
}

async function start(
  simulation: SimulatedWorld,
  options: { readonly attach: boolean },
): Promise<Started> {
  const process = simulation.node("a").start();
  let engine: TestEngine | undefined;
  let isBlocked = false;
  const db = await openDirectory(process.world, DIRECTORY, options, async (accept) => {
    if (isBlocked) throw new Fault("ERR_LOCKED", "kept out by the test");
    engine = await openLocked(process.world, accept);
    return engine;
  });
  const setBlocked = (blocked: boolean): void => {
    isBlocked = blocked;
  };
  return { db, process, engine: () => engine as TestEngine, setBlocked };
}

/** One process that serves another, with locks as they are. */
async function withReal(
  main: (real: {
    readonly holder: Muted;
    readonly served: Muted;
    readonly sleep: (durationMs: number) => Promise<void>;
  }) => Promise<void>,
): Promise<void> {
  const simulation = makeSimulation(1);
  await simulation.run(async () => {
    const holder = await startReal(simulation);
    const served = await startReal(simulation);
    const { clock } = simulation.node("steering").world;
    const sleep = async (durationMs: number): Promise<void> => {
      await new Promise<void>((resolve) => clock.after(durationMs, resolve));
    };
    await main({ holder, served, sleep });
    await served.db.close();
    holder.process.kill();
  });
}

/** Nothing is heard over it. */
const SILENT: Connection = {
  peer: "nobody",
  unsentBytes: 0,
  handle: () => undefined,
  write: () => true,
  pause: () => undefined,
  resume: () => undefined,
  end: () => undefined,
  destroy: () => undefined,
};

class MutableConnection implements Connection {
  readonly #inner: Connection;
  isMuted = false;

  constructor(inner: Connection) {
    this.#inner = inner;
  }

  get peer(): string {
    return this.#inner.peer;
  }

  get unsentBytes(): number {
    return this.#inner.unsentBytes;
  }

  handle(handler: ConnectionHandler): void {
    this.#inner.handle(handler);
  }

  write(bytes: Uint8Array): boolean {
    return this.isMuted || this.#inner.write(bytes);
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }

  end(): void {
    this.#inner.end();
  }

  destroy(): void {
    this.#inner.destroy();
  }
}

/** With a store whose log is there after a crash. */
async function startReal(simulation: SimulatedWorld): Promise<Muted> {
  const process = simulation.node("a").start();
  const connections: MutableConnection[] = [];
  const { network } = process.world;
  const world: World = {
    ...process.world,
    network: {
      listen: async (address, accept) => await network.listen(address, accept),
      connect: async (address) => {
        const connection = new MutableConnection(await network.connect(address));
        connections.push(connection);
        return connection;
      },
    },
  };
  const store = { ...smallOptions, pagesBytes: 1 << 20 };
  const db = await openDirectory(world, DIRECTORY, { attach: true }, async (accept) => {
    return await openEngine(world, DIRECTORY, { program: "the tests", store, accept });
  });
  const mute = (): void => {
    for (const connection of connections) connection.isMuted = true;
  };
  return { db, process, mute };
}

interface Muted {
  readonly db: Database;
  readonly process: SimulatedProcess;
  /** Nothing that it says from now on reaches who serves it. */
  readonly mute: () => void;
}

async function openLocked(
  world: World,
  accept: Parameters<typeof acquireDirectoryLock>[3],
): Promise<TestEngine> {
  const lock = await acquireDirectoryLock(world, DIRECTORY, "the tests", accept);
  if (lock.kind === "taken") throw directoryTakenFault(DIRECTORY, lock);
  const path = `${DIRECTORY}/store`;
  const exists = (await world.files.kind(path)) !== undefined;
  const inner = await (exists ? openShadowStore(world, path) : createShadowStore(world, path));
  const engine = new TestEngine(inner);
  engine.atClose = async () => await lock.release();
  return engine;
}

function idOf(fault: unknown): string {
  return isFault(fault) ? String(fault.details["id"]) : "";
}

async function faultOf(answer: Promise<unknown>): Promise<unknown> {
  return await answer.then(
    () => "no error",
    (error: unknown) => error,
  );
}

async function codeOf(answer: Promise<unknown>): Promise<string> {
  const error = await faultOf(answer);
  return isFault(error) ? error.code : String(error);
}
