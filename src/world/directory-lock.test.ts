import fc from "fast-check";
import { expect, test } from "vitest";
import { defaultSimulationOptions, SimulatedWorld } from "../simulation/simulated-world.ts";
import {
  acquireDirectoryLock,
  type DirectoryLock,
  type DirectoryTaken,
  lockAddress,
} from "./directory-lock.ts";
import type { Connection } from "./network.ts";

test("however opens, kills and power cuts fall, one process at a time has the lock", async () => {
  const step = fc.record({
    afterMs: fc.integer({ min: 0, max: 60 }),
    act: fc.constantFrom("open", "open", "open", "open", "kill", "release", "power"),
    which: fc.nat(9),
  });
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.array(step, { maxLength: 25 }), async (seed, steps) => {
      const simulation = makeSimulation(seed);
      const machine = simulation.node("a");
      let most = 0;
      let held: { lock: DirectoryLock; pid: number }[] = [];
      const isAlive = (pid: number): boolean =>
        machine.processes.some(({ world }) => world.process.pid === pid);
      const open = async (): Promise<void> => {
        const { world } = machine.start();
        const { pid } = world.process;
        const outcome = await acquireDirectoryLock(world, "/data", `p${pid}`, drop);
        held = held.filter((other) => isAlive(other.pid));
        if (outcome.kind === "held") held.push({ lock: outcome, pid });
        most = Math.max(most, held.length);
      };
      for (const { afterMs, act, which } of steps) {
        const process = machine.processes[which % Math.max(1, machine.processes.length)];
        if (act === "open") void open();
        else if (act === "kill") process?.kill();
        else if (act === "power") machine.crash("power");
        else void held.shift()?.lock.release();
        await simulation.runFor(afterMs);
      }
      for (const process of machine.processes) process.kill();
      await simulation.run(open, 1000);
      expect([held.length, most]).toEqual([1, 1]);
    }),
    { seed: 11, numRuns: 40 },
  );
});

test("a full disk keeps nobody from taking a directory, though without a name", async () => {
  const simulation = makeSimulation(1);
  const machine = simulation.node("a");
  const acquire = async (program: string): Promise<DirectoryLock | DirectoryTaken> =>
    await simulation.run(
      async () => await acquireDirectoryLock(machine.start().world, "/data", program, drop),
    );
  expect((await acquire("first")).kind).toBe("held");
  machine.crash("process");
  machine.disk.capacityBytes = machine.disk.usedBytes();
  expect((await acquire("second")).kind).toBe("held");
  expect(await acquire("third")).toEqual({ kind: "taken", holder: undefined });
});

test("the dead are succeeded, and the successor is the one that is named", async () => {
  const simulation = makeSimulation(1);
  const machine = simulation.node("a");
  const acquire = async (program: string): Promise<DirectoryLock | DirectoryTaken> =>
    await simulation.run(
      async () => await acquireDirectoryLock(machine.start().world, "/data", program, drop),
    );
  expect((await acquire("first")).kind).toBe("held");
  const taken = await acquire("second");
  expect(taken).toMatchObject({ kind: "taken", holder: { program: "first", host: "a" } });
  machine.crash("process");
  expect((await acquire("third")).kind).toBe("held");
  expect(await acquire("fourth")).toMatchObject({ holder: { program: "third" } });
});

test("whoever connects is handed to the holder", async () => {
  const simulation = makeSimulation(2);
  const machine = simulation.node("a");
  const received = await simulation.run(async () => {
    const bytes = new Promise<readonly number[]>((resolve) => {
      void acquireDirectoryLock(machine.start().world, "/data", "first", (connection) => {
        connection.handle({
          data: (chunk) => {
            resolve([...chunk]);
          },
          drained: () => undefined,
          closed: () => undefined,
        });
      });
    });
    const other = machine.start().world;
    await new Promise<void>((resolve) => other.clock.after(10, resolve));
    const connection = await other.network.connect(lockAddress("/data"));
    connection.handle({ data: () => undefined, drained: () => undefined, closed: () => undefined });
    connection.write(Uint8Array.of(1));
    return await bytes;
  });
  expect(received).toEqual([1]);
});

function makeSimulation(seed: number): SimulatedWorld {
  return new SimulatedWorld({ ...defaultSimulationOptions, seed, drain });
}

async function drain(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

function drop(connection: Connection): void {
  connection.handle({ data: () => undefined, drained: () => undefined, closed: () => undefined });
  connection.destroy();
}
