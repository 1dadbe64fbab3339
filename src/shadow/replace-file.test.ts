import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { equalBytes } from "../base/bytes.ts";
import { isFault } from "../base/fault.ts";
import { HostFiles } from "../host/host-files.ts";
import type { SimulatedMachine } from "../simulation/simulated-machine.ts";
import { defaultSimulationOptions, SimulatedWorld } from "../simulation/simulated-world.ts";
import type { StorageFault, StorageOperation } from "../volume/fault-plan.ts";
import { readReplacedFile, replaceFile } from "./replace-file.ts";

const PATH = "/data/state";
const BEFORE = new Uint8Array(3000).fill(1);
const AFTER = new Uint8Array(9000).fill(2);

const EVERYTHING: readonly StorageOperation[] = [
  "read",
  "write",
  "durable",
  "sync",
  "open",
  "close",
  "size",
  "rename",
  "remove",
  "syncDirectory",
  "kind",
];

describe("on the files of the host", () => {
  test("a file is made, replaced and read, and nothing is left beside it", async () => {
    const directory = await mkdtemp(join(tmpdir(), "replace-"));
    try {
      const files = new HostFiles();
      const path = join(directory, "state");
      expect(await readReplacedFile(files, path)).toBeUndefined();
      for (const bytes of [BEFORE, AFTER, new Uint8Array(0), BEFORE]) {
        await replaceFile(files, path, bytes);
        expect(await readReplacedFile(files, path)).toEqual(bytes);
      }
      expect(await readdir(directory)).toEqual(["state"]);
      expect(new Uint8Array(await readFile(path))).toEqual(BEFORE);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe.each(["process", "power"] as const)("when the %s dies", (how) => {
  test.each([1, 2, 3, 4, 5, 6])("at any operation, seed %i", async (seed) => {
    let crashCount = 0;
    for (let skip = 0; ; skip++) {
      const outcome = await replaceUnder(seed, skip, { kind: "crash", how });
      if (outcome === "done") break;
      crashCount++;
    }
    expect(crashCount).toBeGreaterThanOrEqual(7);
  });
});

describe.each<StorageFault>([
  { kind: "error" },
  { kind: "full" },
  { kind: "short", keptBytes: 100 },
])("when an operation fails with $kind", (fault) => {
  test("the file is whole, and the next replacement goes through", async () => {
    for (let skip = 0; ; skip++) {
      if ((await replaceUnder(7, skip, fault)) === "done") break;
    }
  });
});

/** Replaces a file while a fault strikes, and checks what is found then, and found for good. */
async function replaceUnder(
  seed: number,
  skip: number,
  fault: StorageFault,
): Promise<"done" | "crashed" | "failed"> {
  const simulation = new SimulatedWorld({ ...defaultSimulationOptions, seed, drain });
  const machine = simulation.node("a");
  await simulation.run(async () => {
    const { files } = machine.world;
    await files.makeDirectory("/data");
    await files.syncDirectory("/");
    await replaceFile(files, PATH, BEFORE);
  });
  machine.disk.plan.add({ operations: EVERYTHING, skip, count: 1, fault });
  const outcome = await simulation.run(async () => await replaceUntil(machine));
  machine.disk.plan.clear();

  const found = await simulation.run(async () => await readAgain(machine));
  expect(outcome === "done" ? ["after"] : ["before", "after"]).toContain(found);
  // What was once read must not be taken back by a loss of power.
  machine.crash("power");
  expect(await simulation.run(async () => await readAgain(machine))).toBe(found);
  await simulation.run(async () => await replaceFile(machine.world.files, PATH, AFTER));
  machine.crash("power");
  expect(await simulation.run(async () => await readAgain(machine))).toBe("after");
  return outcome;
}

async function replaceUntil(machine: SimulatedMachine): Promise<"done" | "crashed" | "failed"> {
  const crashed = new Promise<"crashed">((resolve) => {
    machine.crashed = () => resolve("crashed");
  });
  const replaced = replaceFile(machine.world.files, PATH, AFTER).then(
    () => "done" as const,
    (error: unknown) => {
      expect(isFault(error)).toBe(true);
      return "failed" as const;
    },
  );
  return await Promise.race([crashed, replaced]);
}

async function readAgain(machine: SimulatedMachine): Promise<string> {
  const bytes = (await readReplacedFile(machine.world.files, PATH)) ?? new Uint8Array(0);
  if (equalBytes(bytes, BEFORE)) return "before";
  return equalBytes(bytes, AFTER) ? "after" : "torn";
}

async function drain(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
