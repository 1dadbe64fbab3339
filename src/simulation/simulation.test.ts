import { expect, test } from "vitest";
import type { Connection } from "../world/network.ts";
import type { World } from "../world/world.ts";
import { Deadlock, defaultSimulationOptions, SimulatedWorld } from "./simulated-world.ts";

const PORT = 7000;

test("the same seed gives the same run, another seed another", async () => {
  const first = await eventfulRun(1);
  expect(await eventfulRun(1)).toEqual(first);
  const second = await eventfulRun(2);
  expect(second.hash).not.toBe(first.hash);
  expect(await eventfulRun(2)).toEqual(second);
});

test("what can never end is reported, with what happened last", async () => {
  const simulation = make(1);
  const { world } = simulation.node("a");
  const waiting = simulation.run(async () => {
    world.trace.event("waiting", { forWhat: "nothing" });
    await new Promise(() => undefined);
  });
  const report: unknown = await waiting.catch((error: unknown) => error);
  expect(report).toBeInstanceOf(Deadlock);
  expect(String(report)).toMatch(/nothing is left to happen.*seed 1/);
  expect(String(report)).toContain("a#1 waiting forWhat=nothing");

  const ticking = make(1);
  const { clock } = ticking.node("a").world;
  const tick = (): void => void clock.after(10, tick);
  tick();
  const late = ticking.run(async () => await new Promise(() => undefined), 1000);
  await expect(late).rejects.toThrow(/At 1000 ms the time is up/);
});

test("an event that throws ends the run", async () => {
  const simulation = make(1);
  simulation.node("a").world.clock.after(1, () => {
    throw new Error("a bug");
  });
  await expect(simulation.runUntilIdle()).rejects.toThrow("a bug");
});

test("nothing happens any more to who was killed", async () => {
  const simulation = make(1);
  const machine = simulation.node("a");
  const { clock, files } = machine.world;
  const happened: string[] = [];
  clock.after(10, () => happened.push("timer"));
  void files.list("/").then(() => happened.push("list"));
  machine.crash("process");
  clock.after(10, () => happened.push("timer of the dead"));
  void files.list("/").then(() => happened.push("list of the dead"));
  await simulation.runUntilIdle();
  expect(happened).toEqual([]);
  expect(simulation.nowMs).toBe(0);
  expect(machine.world.process.pid).not.toBe(0);
});

test("who is paused is told everything when it is resumed, in order", async () => {
  const simulation = make(1);
  const machine = simulation.node("a");
  const { clock } = machine.world;
  const happened: string[] = [];
  for (const ms of [5, 15, 10])
    clock.after(ms, () => happened.push(`${ms} at ${clock.wallMs() % 1000}`));
  machine.pause();
  await simulation.runFor(100);
  expect(happened).toEqual([]);
  machine.resume();
  await simulation.runFor(1);
  expect(happened).toEqual(["5 at 100", "10 at 100", "15 at 100"]);
});

test("a clock jumps and runs fast, but does not go back within a process", async () => {
  const simulation = make(1);
  const machine = simulation.node("a");
  const { clock } = machine.world;
  const before = clock.wallMs();
  machine.clock.wallOffsetMs = 5000;
  expect(clock.wallMs()).toBe(before + 5000);
  machine.clock.wallOffsetMs = -5000;
  expect(clock.wallMs()).toBe(before + 5000);
  expect(machine.start().world.clock.wallMs()).toBe(before - 5000);

  machine.clock.rate = 2;
  const monotonic = clock.monotonicMs();
  await simulation.runFor(100);
  expect(clock.monotonicMs() - monotonic).toBe(200);
  // Meanwhile it goes on by itself, and with the machine as soon as that has caught up.
  expect(clock.wallMs()).toBe(before + 5200);
  machine.clock.wallOffsetMs = 6000;
  expect(clock.wallMs()).toBe(before + 6200);
});

test("what is sent over a way that is cut arrives when it is healed", async () => {
  const simulation = make(1);
  const { client, received } = await connectTwo(simulation);
  simulation.links.cutOneWay("a", "b");
  client.write(Uint8Array.of(1, 2, 3));
  await simulation.runFor(60_000);
  expect(received).toEqual([]);
  expect(client.unsentBytes).toBe(3);
  simulation.links.heal();
  await simulation.runFor(100);
  expect(received).toEqual([1, 2, 3]);
  expect(client.unsentBytes).toBe(0);
});

test("bytes are read when they arrive, and are gone after the call", async () => {
  const simulation = make(1);
  const { client, received, chunks } = await connectTwo(simulation);
  const bytes = Uint8Array.of(1);
  client.write(bytes);
  bytes[0] = 2;
  await simulation.runFor(100);
  expect(received).toEqual([2]);
  expect(chunks[0]).not.toEqual(Uint8Array.of(2));
});

test("a partition keeps groups apart, and connections over it are refused in time", async () => {
  const simulation = make(1);
  const { world } = simulation.node("a");
  await listen(simulation.node("b").world, () => undefined, simulation);
  simulation.links.partition(["a"], ["b", "c"]);
  const connecting = simulation.run(
    async () => await world.network.connect({ kind: "tcp", host: "b", port: PORT }),
  );
  await expect(connecting).rejects.toMatchObject({ code: "ERR_UNAVAILABLE" });
  expect(simulation.nowMs).toBeGreaterThan(1000);
  simulation.links.heal();
  await simulation.run(
    async () => await world.network.connect({ kind: "tcp", host: "b", port: PORT }),
  );
});

test("connections end when they are reset, and when a process or its machine dies", async () => {
  for (const how of ["reset", "process", "power"] as const) {
    const simulation = make(1);
    const { closed, client } = await connectTwo(simulation);
    const beforeMs = simulation.nowMs;
    if (how === "reset") simulation.resetConnections("b", "a");
    else simulation.node("b").crash(how);
    await simulation.runUntilIdle();
    expect(closed).toContain("client");
    expect(closed.includes("server")).toBe(how === "reset");
    if (how === "power") expect(simulation.nowMs - beforeMs).toBeGreaterThan(100);
    expect(client.write(Uint8Array.of(1))).toBe(false);
  }
});

test("loopback and local addresses reach only their own machine", async () => {
  const simulation = make(1);
  const there = simulation.node("b").world;
  await simulation.run(async () => {
    await there.network.listen({ kind: "tcp", host: "127.0.0.1", port: PORT }, ignore);
    await there.network.listen({ kind: "local", path: "/socket" }, ignore);
  });
  const { network } = simulation.node("a").world;
  for (const address of [
    { kind: "tcp", host: "b", port: PORT } as const,
    { kind: "tcp", host: "127.0.0.1", port: PORT } as const,
    { kind: "local", path: "/socket" } as const,
  ]) {
    const connecting = simulation.run(async () => await network.connect(address));
    await expect(connecting).rejects.toMatchObject({ code: "ERR_UNAVAILABLE" });
  }
});

/** Three machines that write files, talk, are cut off and crash. */
async function eventfulRun(seed: number): Promise<{ hash: string; events: number; log: string }> {
  const simulation = make(seed);
  const log: string[] = [];
  const names = ["a", "b", "c"];
  const program = async (world: World, name: string): Promise<void> => {
    await world.network.listen({ kind: "tcp", host: "0.0.0.0", port: PORT }, (connection) => {
      connection.handle({
        data: (bytes) => {
          log.push(`${name} got ${bytes.length}`);
          connection.write(bytes.slice());
        },
        drained: () => undefined,
        closed: () => log.push(`${name} closed`),
      });
    });
    const kind = await world.files.kind("/log");
    const file = await world.files.open("/log", kind === undefined ? "create" : "write");
    for (let round = 0; round < 20; round++) {
      const target = new Uint8Array(100 + world.random.below(3000)).fill(round);
      await file.write(round * 2048, target);
      if (round % 3 === 0) await file.sync();
      const host = names[world.random.below(3)] ?? "a";
      try {
        const connection = await world.network.connect({ kind: "tcp", host, port: PORT });
        ignore(connection);
        connection.write(target);
      } catch {
        world.trace.event("refused", { host, round });
      }
    }
  };
  const start = (name: string): void => {
    void program(simulation.node(name).world, name);
  };
  for (const name of names) start(name);
  simulation.after(3, () => {
    simulation.links.partition(["a"], ["b", "c"]);
  });
  simulation.after(6, () => {
    simulation.node("b").crash("power");
    start("b");
  });
  simulation.after(50, () => {
    simulation.links.heal();
  });
  await simulation.runFor(60_000);
  return { hash: simulation.traceHash, events: simulation.eventCount, log: log.join() };
}

async function connectTwo(simulation: SimulatedWorld) {
  const received: number[] = [];
  const chunks: Uint8Array[] = [];
  const closed: string[] = [];
  await listen(
    simulation.node("b").world,
    (connection) => {
      connection.handle({
        data: (bytes) => {
          received.push(...bytes);
          chunks.push(bytes);
        },
        drained: () => undefined,
        closed: () => closed.push("server"),
      });
    },
    simulation,
  );
  const client = await simulation.run(async () => {
    const { network } = simulation.node("a").world;
    const connection = await network.connect({ kind: "tcp", host: "b", port: PORT });
    connection.handle({
      data: () => undefined,
      drained: () => undefined,
      closed: () => closed.push("client"),
    });
    return connection;
  });
  return { client, received, chunks, closed };
}

async function listen(
  world: World,
  accept: (connection: Connection) => void,
  simulation: SimulatedWorld,
): Promise<void> {
  const address = { kind: "tcp", host: "0.0.0.0", port: PORT } as const;
  await simulation.run(async () => await world.network.listen(address, accept));
}

function ignore(connection: Connection): void {
  connection.handle({ data: () => undefined, drained: () => undefined, closed: () => undefined });
}

function make(seed: number): SimulatedWorld {
  return new SimulatedWorld({ ...defaultSimulationOptions, seed, drain });
}

async function drain(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
