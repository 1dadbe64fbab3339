import fc from "fast-check";
import { expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import type { FaultRule } from "../volume/fault-plan.ts";
import { createFileVolume, openFileVolume } from "../volume/file-volume.ts";
import { testVolume, testVolumeFailure } from "../volume/volume.suite.ts";
import type { File } from "../world/files.ts";
import type { World } from "../world/world.ts";
import type { SimulatedMachine } from "./simulated-machine.ts";
import { defaultSimulationOptions, SimulatedWorld } from "./simulated-world.ts";

const SECTOR_BYTES = 512;

test("what was synced survives a loss of power, the rest is old or new by sectors", async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 40; seed++) {
    const { simulation, machine } = make(seed);
    await simulation.run(async () => {
      const file = await newFile(machine.world, "/a");
      await file.write(0, block(1, 8));
      await file.sync();
      await file.write(0, block(2, 4));
      await file.writeDurable(6 * SECTOR_BYTES, block(3, 2));
    });
    machine.crash("power");
    const bytes = await contents(simulation, machine, "/a");
    const left = Array.from({ length: 8 }, (_, sector) => bytes[sector * SECTOR_BYTES] ?? -1);
    expect(left.slice(4)).toEqual([1, 1, 3, 3]);
    for (const first of left.slice(0, 4)) expect([1, 2]).toContain(first);
    seen.add(left.slice(0, 4).join(""));
  }
  for (const wanted of ["1111", "2222"]) expect(seen).toContain(wanted);
  expect(seen.size).toBeGreaterThan(4);
});

test("a killed process loses nothing it wrote, and leaves half of its last write", async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 30; seed++) {
    const { simulation, machine } = make(seed);
    await simulation.run(async () => {
      const file = await newFile(machine.world, "/a");
      await file.write(0, block(1, 2));
      void file.write(0, block(2, 2));
    });
    machine.crash("process");
    const bytes = await contents(simulation, machine, "/a");
    seen.add(`${bytes[0]}${bytes[SECTOR_BYTES]}`);
  }
  expect(seen).toEqual(new Set(["11", "21", "22"]));
});

test("names that were not synced may be gone, back, or both at once", async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const { simulation, machine } = make(seed);
    await simulation.run(async () => {
      const { files } = machine.world;
      await (await files.open("/kept", "create")).close();
      await files.syncDirectory("/");
      await files.rename("/kept", "/moved");
      await (await files.open("/new", "create")).close();
    });
    machine.crash("power");
    const names = await simulation.run(async () => await machine.world.files.list("/"));
    seen.add((names ?? []).join(" "));
  }
  expect(seen).toEqual(new Set(["kept", "moved", "kept new", "moved new"]));
});

test("a file that was not synced may come back longer and full of zeroes", async () => {
  const sizes = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const { simulation, machine } = make(seed);
    await simulation.run(async () => {
      const file = await newFile(machine.world, "/a");
      await file.write(0, block(1, 4));
    });
    machine.crash("power");
    const bytes = await contents(simulation, machine, "/a");
    sizes.add(`${bytes.length} ${bytes.some((byte) => byte !== 0)}`);
  }
  expect(sizes).toEqual(new Set(["0 false", "2048 false", "2048 true"]));
});

test("whatever is written and cut, after a sync the medium has what was shown", async () => {
  const step = fc.record({
    act: fc.constantFrom("write", "durable", "now", "truncate", "sync"),
    at: fc.nat(6000),
    length: fc.nat(3000),
    waits: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.array(step, { maxLength: 20 }), async (seed, steps) => {
      const { simulation, machine } = make(seed);
      const shown = await simulation.run(async () => {
        const file = await newFile(machine.world, "/a");
        let value = 0;
        const underWay: Promise<void>[] = [];
        for (const { act, at, length, waits } of steps) {
          const source = new Uint8Array(length).fill(++value);
          if (act === "write") underWay.push(file.write(at, source));
          else if (act === "durable") underWay.push(file.writeDurable(at, source));
          else if (act === "now") file.writeDurableNow(at, source);
          else if (act === "truncate") underWay.push(file.truncate(at));
          else underWay.push(file.sync());
          if (waits) await Promise.all(underWay.splice(0));
        }
        await Promise.all(underWay);
        await file.sync();
        return await readAll(file);
      });
      machine.crash("power");
      const left = await contents(simulation, machine, "/a");
      expect(Buffer.from(left).equals(shown)).toBe(true);
    }),
    { seed: 3, numRuns: 60 },
  );
});

test("after a sync that failed pages count as clean, and the next saves nothing", async () => {
  const { simulation, machine } = make(1, [rule({ operations: ["sync"], skip: 1 })]);
  await simulation.run(async () => {
    const file = await newFile(machine.world, "/a");
    await file.write(0, block(1, 1));
    await file.sync();
    await file.write(0, block(2, 1));
    await expect(file.sync()).rejects.toMatchObject({ code: "ERR_IO", details: { errno: "EIO" } });
    await file.sync();
    expect((await readAll(file))[0]).toBe(2);
  });
  machine.crash("power");
  expect((await contents(simulation, machine, "/a"))[0]).toBe(1);
});

test("the plan strikes: no room, short, lost, misdirected, rotten, unreadable", async () => {
  const rules: readonly FaultRule[] = [
    rule({ operations: ["write"], skip: 1, fault: { kind: "full" } }),
    rule({ operations: ["write"], skip: 2, fault: { kind: "short", keptBytes: 512 } }),
    rule({ operations: ["write"], skip: 3, fault: { kind: "lost" } }),
    rule({ operations: ["write"], skip: 4, fault: { kind: "misdirected", byBytes: 512 } }),
  ];
  const { simulation, machine } = make(1, rules);
  await simulation.run(async () => {
    const file = await newFile(machine.world, "/a");
    await file.write(0, block(1, 5));
    await expect(file.write(0, block(2, 1))).rejects.toMatchObject({ code: "ERR_FULL" });
    await expect(file.write(0, block(3, 2))).rejects.toMatchObject({ code: "ERR_IO" });
    await file.write(1024, block(4, 1));
    await file.write(512, block(5, 1));
    expect(await firsts(file, 4)).toEqual([3, 1, 5, 1]);
    const range = { at: 2048, length: 512 };
    machine.disk.plan.add(rule({ operations: ["read"], range, fault: { kind: "unreadable" } }));
    await expect(file.read(2000, new Uint8Array(100))).rejects.toMatchObject({ code: "ERR_IO" });
    await file.write(2048, block(6, 1));
    expect(await firsts(file, 5)).toEqual([3, 1, 5, 1, 6]);

    const fault = { kind: "rot", bitCount: 1 } as const;
    machine.disk.plan.add(rule({ operations: ["read"], range: { at: 0, length: 512 }, fault }));
    await file.sync();
    const rotten = (await readAll(file)).subarray(0, 512);
    expect(rotten.filter((byte) => byte !== 3).length).toBe(1);
  });
});

test("a full disk refuses what grows a file, and nothing else", async () => {
  const { simulation, machine } = make(1);
  machine.disk.capacityBytes = 4096;
  await simulation.run(async () => {
    const file = await newFile(machine.world, "/a");
    await file.write(0, block(1, 8));
    const outcome: unknown = await file.write(4096, block(1, 1)).catch((e: unknown) => e);
    expect(isFault(outcome, "ERR_FULL")).toBe(true);
    await file.write(0, block(2, 8));
    machine.disk.capacityBytes = 8192;
    await file.write(4096, block(1, 1));
  });
});

test("slow operations take longer, stalled ones wait to be released", async () => {
  const { simulation, machine } = make(1, [
    rule({ operations: ["read"], fault: { kind: "slow", delayMs: 5000 } }),
    rule({ operations: ["sync"], fault: { kind: "stalled" } }),
  ]);
  await simulation.run(async () => {
    const file = await newFile(machine.world, "/a");
    const before = simulation.nowMs;
    await readAll(file);
    expect(simulation.nowMs - before).toBeGreaterThan(5000);
    simulation.after(9000, () => {
      machine.disk.plan.release();
    });
    await file.sync();
    expect(simulation.nowMs - before).toBeGreaterThan(9000);
  });
});

test("a crash at the n-th operation stops the program there", async () => {
  for (const how of ["process", "power"] as const) {
    const { simulation, machine } = make(1, [
      rule({ operations: ["durable"], skip: 2, fault: { kind: "crash", how } }),
    ]);
    const crashes: string[] = [];
    machine.crashed = (kind) => crashes.push(kind);
    const ended: number[] = [];
    const { world } = machine;
    const program = async (): Promise<void> => {
      const file = await newFile(world, "/a");
      for (let index = 0; index < 5; index++) {
        if (index % 2 === 0) await file.writeDurable(index * 512, block(index + 1, 1));
        else file.writeDurableNow(index * 512, block(index + 1, 1));
        ended.push(index);
      }
    };
    void program();
    await simulation.runUntilIdle();
    expect(ended).toEqual([0, 1]);
    expect(crashes).toEqual([how]);
    const bytes = await contents(simulation, machine, "/a");
    expect([bytes[0], bytes[512]]).toEqual([1, 2]);
  }
});

let driven = make(5);

async function driveAnew(body: () => Promise<void>): Promise<void> {
  driven = make(5);
  await driven.simulation.run(body);
}

async function openVolume() {
  const { machine } = driven;
  const volume = await createFileVolume(machine.world.files, "/v", 1 << 20);
  const reopen = async () => {
    machine.crash("power");
    return await openFileVolume(machine.world.files, "/v");
  };
  const fail = (code: "ERR_IO" | "ERR_FULL"): void => {
    const kind = code === "ERR_FULL" ? "full" : "error";
    machine.disk.plan.add(rule({ operations: ["write", "durable", "sync"], fault: { kind } }));
  };
  return { volume, reopen, fail };
}

testVolume("a simulated file", openVolume, driveAnew);
testVolumeFailure("a simulated file", openVolume, driveAnew);

function make(seed: number, rules: readonly FaultRule[] = []) {
  const simulation = new SimulatedWorld({ ...defaultSimulationOptions, seed, drain });
  const machine = simulation.node("a");
  for (const one of rules) machine.disk.plan.add(one);
  return { simulation, machine };
}

function rule(part: Partial<FaultRule> & Pick<FaultRule, "operations">): FaultRule {
  return { skip: 0, count: 1, fault: { kind: "error" }, ...part };
}

async function newFile({ files }: World, path: string): Promise<File> {
  const file = await files.open(path, "create");
  await files.syncDirectory("/");
  return file;
}

async function contents(
  simulation: SimulatedWorld,
  machine: SimulatedMachine,
  path: string,
): Promise<Uint8Array> {
  return await simulation.run(
    async () => await readAll(await machine.world.files.open(path, "read")),
  );
}

async function readAll(file: File): Promise<Uint8Array> {
  const bytes = new Uint8Array(await file.sizeBytes());
  await file.read(0, bytes);
  return bytes;
}

async function firsts(file: File, count: number): Promise<readonly (number | undefined)[]> {
  const bytes = new Uint8Array(count * SECTOR_BYTES);
  await file.read(0, bytes);
  return Array.from({ length: count }, (_, sector) => bytes[sector * SECTOR_BYTES]);
}

function block(value: number, sectorCount: number): Uint8Array {
  return new Uint8Array(sectorCount * SECTOR_BYTES).fill(value);
}

async function drain(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
