import { expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import { SeededRandom } from "../base/random.ts";
import type { Clock } from "../world/world.ts";
import { FaultPlan, type FaultRule } from "./fault-plan.ts";
import { FaultyVolume } from "./faulty-volume.ts";
import { MemoryVolume } from "./memory-volume.ts";
import { testVolume, testVolumeFailure } from "./volume.suite.ts";

testVolume("a faulty one without faults", async () => {
  const { volume, inner } = make([]);
  const reopen = async () => {
    await volume.close();
    return new MemoryVolume(inner.image);
  };
  return { volume, reopen };
});

testVolumeFailure("a faulty one", async () => {
  const { volume, plan } = make([]);
  const fail = (code: "ERR_IO" | "ERR_FULL"): void => {
    const kind = code === "ERR_FULL" ? "full" : "error";
    plan.add(rule({ operations: ["write", "durable", "sync"], fault: { kind } }));
  };
  return { volume, fail };
});

test("a rule lets some pass, strikes some, and is over", async () => {
  const { volume } = make([rule({ operations: ["read"], skip: 2, count: 2 })]);
  const failed: boolean[] = [];
  for (let index = 0; index < 6; index++) failed.push(await fails(volume.read(0, block())));
  expect(failed).toEqual([false, false, true, true, false, false]);
});

test("an unreadable range can be read again where it was written again", async () => {
  const range = { at: 4096, length: 8192 };
  const { volume } = make([rule({ operations: ["read"], range, fault: { kind: "unreadable" } })]);
  expect(await fails(volume.read(0, block()))).toBe(false);
  expect(await fails(volume.read(4096, block()))).toBe(true);
  await volume.write(4096, block());
  expect(await fails(volume.read(4096, block()))).toBe(false);
  expect(await fails(volume.read(4096, new Uint8Array(4097)))).toBe(true);
  await volume.writeDurable(8192, block());
  expect(await fails(volume.read(4096, new Uint8Array(8192)))).toBe(false);
});

test("a lost write is answered and not there", async () => {
  const { volume } = make([rule({ operations: ["write"], fault: { kind: "lost" } })]);
  await volume.write(0, block(1));
  expect(await at(volume, 0)).toBe(0);
  await volume.write(0, block(2));
  expect(await at(volume, 0)).toBe(2);
});

test("a misdirected write spoils another place, a misdirected read shows another", async () => {
  const fault = { kind: "misdirected", byBytes: 8192 } as const;
  const { volume } = make([
    rule({ operations: ["write"], skip: 1, fault }),
    rule({ operations: ["read"], skip: 2, fault }),
  ]);
  await volume.write(0, block(1));
  await volume.write(0, block(2));
  expect(await at(volume, 0)).toBe(1);
  expect(await at(volume, 8192)).toBe(2);
  expect(await at(volume, 0)).toBe(2);
  expect(await at(volume, 0)).toBe(1);
});

test("rot flips bits for ever, and only in its range", async () => {
  const range = { at: 100, length: 4 };
  const fault = { kind: "rot", bitCount: 3 } as const;
  const { volume } = make([rule({ operations: ["read"], range, fault })]);
  const first = new Uint8Array(65_536);
  await volume.read(0, first);
  const bits = [...first].reduce((sum, byte) => sum + byte.toString(2).split("1").length - 1, 0);
  expect(bits).toBe(3);
  expect(first.subarray(100, 104).some((byte) => byte !== 0)).toBe(true);
  const second = new Uint8Array(65_536);
  await volume.read(0, second);
  expect(Buffer.from(second).equals(first)).toBe(true);
});

test("a write that stops short leaves its beginning and fails the volume", async () => {
  const fault = { kind: "short", keptBytes: 512 } as const;
  const { volume } = make([rule({ operations: ["durable"], fault })]);
  expect(await fails(volume.writeDurable(0, block(1)))).toBe(true);
  expect([await at(volume, 511), await at(volume, 512)]).toEqual([1, 0]);
  expect(volume.failure).toBeDefined();
});

test("a full volume goes on when there is room again", async () => {
  const { volume } = make([rule({ operations: ["grow"], fault: { kind: "full" } })]);
  const outcome: unknown = await volume.grow(1 << 20).catch((error: unknown) => error);
  expect(isFault(outcome, "ERR_FULL")).toBe(true);
  await volume.grow(1 << 20);
  expect(volume.sizeBytes).toBe(1 << 20);
});

test("a cut that fails fails the volume, one that is lost cuts nothing", async () => {
  const lost = make([rule({ operations: ["truncate"], fault: { kind: "lost" } })]);
  await lost.volume.shrink(4096);
  expect(lost.volume.sizeBytes).toBe(65_536);
  const { volume } = make([rule({ operations: ["truncate"], fault: { kind: "error" } })]);
  expect(await fails(volume.shrink(4096))).toBe(true);
  expect(volume.failure).toBeDefined();
});

test("what is stalled goes on when released, what crashed never ends", async () => {
  const { volume, plan, crashes } = make([
    rule({ operations: ["sync"], fault: { kind: "stalled" } }),
    rule({ operations: ["write"], fault: { kind: "crash", how: "power" } }),
  ]);
  const ended: string[] = [];
  const stalled = volume.sync().then(() => ended.push("sync"));
  void volume.write(0, block(1)).finally(() => ended.push("write"));
  await turn();
  expect(crashes).toEqual(["power"]);
  expect(ended).toEqual([]);
  void volume.read(0, block()).finally(() => ended.push("read"));
  plan.release();
  await turn();
  expect(ended).toEqual([]);

  const { volume: other, plan: otherPlan } = make([
    rule({ operations: ["sync"], fault: { kind: "stalled" } }),
  ]);
  const waiting = other.sync();
  otherPlan.release();
  await waiting;
  void stalled;
});

const instantly: Clock = {
  wallMs: () => 0,
  startFrom: () => undefined,
  monotonicMs: () => 0,
  after: (_delayMs, fire) => {
    fire();
    return () => undefined;
  },
  soon: (fire) => {
    fire();
  },
};

function make(rules: readonly FaultRule[]) {
  const inner = new MemoryVolume(65_536);
  const plan = new FaultPlan(rules);
  const crashes: string[] = [];
  const volume = new FaultyVolume(inner, {
    plan,
    random: new SeededRandom(1),
    clock: instantly,
    crash: (how) => crashes.push(how),
  });
  return { inner, plan, volume, crashes };
}

function rule(part: Partial<FaultRule> & Pick<FaultRule, "operations">): FaultRule {
  return { skip: 0, count: 1, fault: { kind: "error" }, ...part };
}

function block(value = 0): Uint8Array {
  return new Uint8Array(4096).fill(value);
}

async function at(volume: FaultyVolume, place: number): Promise<number | undefined> {
  const target = new Uint8Array(1);
  await volume.read(place, target);
  return target[0];
}

async function fails(done: Promise<void>): Promise<boolean> {
  try {
    await done;
    return false;
  } catch {
    return true;
  }
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
