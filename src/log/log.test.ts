/** The log as its owner uses it: room, groups of commits, failures, truncation, readers. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { must } from "../base/assert.ts";
import { Fault, isFault } from "../base/fault.ts";
import { lsn, viewNumber } from "../base/ids.ts";
import type { MemoryVolume } from "../volume/memory-volume.ts";
import { type Hook, HookedVolume } from "./hooked-volume.suite.ts";
import type { LogReader } from "./log-reader.ts";
import {
  bodyOf,
  freshVolume,
  hex,
  type Seen,
  seenOf,
  smallGeometry,
  TestStore,
  volumeOver,
} from "./test-store.suite.ts";

const UNIT_BYTES = smallGeometry.unitBytes;

async function openStore(volume?: MemoryVolume): Promise<TestStore> {
  return await TestStore.open(volume ?? (await freshVolume()), smallGeometry);
}

/** A store whose volume asks the hook from now on. */
async function openHooked(hook: Hook): Promise<TestStore> {
  let isOpen = false;
  const volume = new HookedVolume(await freshVolume(), (...operation) =>
    isOpen ? hook(...operation) : undefined,
  );
  const store = await TestStore.open(volume, smallGeometry);
  isOpen = true;
  return store;
}

/** Whoever awaits it waits until it is opened. */
class Gate {
  open: () => void = () => undefined;
  readonly passed: Promise<void> = new Promise<void>((resolve) => (this.open = resolve));
}

async function readAll(reader: LogReader): Promise<Seen[]> {
  const seen: Seen[] = [];
  await reader.readOn((entry) => {
    seen.push(seenOf(entry));
    return undefined;
  });
  return seen;
}

test("what gathers while a write is under way goes into the next batch", async () => {
  const first = new Gate();
  const writes: number[] = [];
  const store = await openHooked(async (operation, _at, bytes) => {
    if (operation !== "write") return;
    writes.push(bytes.length);
    if (writes.length === 1) await first.passed;
  });
  const announced: number[] = [];
  store.log.onDurable((durable) => announced.push(durable));
  store.append(1, bodyOf(1, 10));
  store.append(1, bodyOf(2, 10));
  store.clock.turn();
  for (let tag = 3; tag <= 9; tag++) store.append(1, bodyOf(tag, 100));
  expect(store.clock.turn()).toBe(false);
  expect(writes).toEqual([UNIT_BYTES]);
  expect(announced).toEqual([]);
  expect(store.log.appendedLsn).toBe(9);
  first.open();
  await store.settle();
  expect(announced).toEqual([2, 9]);
  expect(writes).toEqual([UNIT_BYTES, 2 * UNIT_BYTES]);
  // What was on its way did not change under the volume's hands.
  const bodies = [10, 10, 100, 100, 100, 100, 100, 100, 100].map((length, index) =>
    hex(bodyOf(index + 1, length)),
  );
  expect((await readAll(store.log.reader(lsn(1)))).map(({ body }) => body)).toEqual(bodies);
});

test("what is not an entry is zero, so that nothing leaks that was in memory", async () => {
  const volume = await freshVolume();
  const store = await openStore(volume);
  for (const length of [61, 200, 61]) {
    store.append(1, new Uint8Array(length).fill(0xff));
    await store.settle();
    const batch = new Uint8Array(UNIT_BYTES);
    volume.image.read(65_536 + (store.log.durablePosition - 1) * UNIT_BYTES, batch);
    const bodyEnd = 96 + 16 + length;
    expect(batch.subarray(96 + 16, bodyEnd).every((byte) => byte === 0xff)).toBe(true);
    expect(batch.subarray(bodyEnd).every((byte) => byte === 0)).toBe(true);
  }
});

test("a large entry leaves room for what gathered before it", async () => {
  const store = await openStore();
  const small = bodyOf(1, 200);
  const large = bodyOf(2, 6000);
  const largeBytes = 12 * UNIT_BYTES;
  const roomBytes = store.log.ringBytes - store.log.reserveBytes;
  while (store.log.usedBytes + largeBytes < roomBytes) {
    store.append(1, small);
    await store.settle();
  }
  expect(store.log.usedBytes + largeBytes).toBe(roomBytes);
  expect(store.append(1, small)).toBeDefined();
  expect(store.append(1, large)).toBe(undefined);
  await store.settle();
  expect(store.append(1, large)).toBe(undefined);
  await store.checkpoint(store.log.durableLsn);
  expect(store.append(1, large)).toBeDefined();
  expect(store.log.usedBytes).toBe(largeBytes);
});

test("one caller alone is served by writes that block, several are not", async () => {
  const announced: number[] = [];
  const store = await openStore();
  store.log.onDurable((durable) => announced.push(durable));
  store.append(1, bodyOf(1, 10));
  store.clock.turn();
  expect(announced).toEqual([]);
  await store.settle();
  store.append(1, bodyOf(2, 10));
  store.clock.turn();
  expect(announced).toEqual([1, 2]);
  store.append(1, bodyOf(3, 10));
  store.append(1, bodyOf(4, 10));
  store.clock.turn();
  expect(announced).toEqual([1, 2]);
  await store.settle();
  expect(announced).toEqual([1, 2, 4]);
});

test("kinds, views and lengths come back, the empty body and the ignorable bit too", async () => {
  const volume = await freshVolume();
  const store = await openStore(volume);
  store.log.view = viewNumber(2 ** 40);
  expect(store.append(0x8001, new Uint8Array(0))).toBe(1);
  expect(store.append(0xffff, bodyOf(1, 9))).toBe(2);
  await store.settle();
  const views: number[] = [];
  await store.log.reader(lsn(1)).readOn((entry) => {
    views.push(entry.view);
    return undefined;
  });
  expect(views).toEqual([2 ** 40, 2 ** 40]);
  const again = await openStore(volume);
  expect(again.recovered).toEqual([
    { lsn: 1, kind: 0x8001, body: "" },
    { lsn: 2, kind: 0xffff, body: hex(bodyOf(1, 9)) },
  ]);
});

test("an entry too large to gather is a batch by itself, in its place", async () => {
  const volume = await freshVolume();
  const store = await openStore(volume);
  const large = store.log.bodyBytesMax;
  expect(large).toBeGreaterThan(store.log.stagedBodyBytesMax);
  expect(store.log.room(large + 1, true)).toBe(false);
  const bodies = [bodyOf(1, 10), bodyOf(2, large), bodyOf(3, 10)];
  expect(store.append(1, must(bodies[0], "three"))).toBe(1);
  expect(store.append(1, must(bodies[1], "three"))).toBe(2);
  // Nothing gathers behind it before it is on its way, since nothing may overtake it.
  expect(store.append(1, must(bodies[2], "three"))).toBe(undefined);
  await store.settle();
  expect(store.append(1, must(bodies[2], "three"))).toBe(3);
  await store.settle();
  const again = await openStore(volume);
  expect(again.recovered.map(({ body }) => body)).toEqual(bodies.map(hex));
});

test("a half that fills up within a turn is written at once", async () => {
  const store = await openStore();
  const body = bodyOf(1, store.log.stagedBodyBytesMax);
  expect(store.append(1, body)).toBe(1);
  expect(store.append(1, body)).toBe(2);
  expect(store.append(1, body)).toBe(undefined);
  let told = 0;
  store.log.onRoom(() => told++);
  await store.settle();
  expect(told).toBe(1);
  expect(store.append(1, body)).toBe(3);
});

test("a batch may begin before the turn ends, and what is appended after that is in the next", async () => {
  const writes: number[] = [];
  const store = await openHooked((operation, _at, bytes) => {
    if (operation === "write") writes.push(bytes.length);
  });
  store.append(1, bodyOf(1, 10));
  store.log.beginBatch();
  expect(writes).toEqual([UNIT_BYTES]);
  expect(store.log.durableLsn).toBe(0);
  store.append(1, bodyOf(2, 2 * UNIT_BYTES));
  store.log.beginBatch();
  expect(writes).toEqual([UNIT_BYTES]);
  await store.settle();
  expect(writes).toEqual([UNIT_BYTES, 3 * UNIT_BYTES]);
  expect(store.log.durableLsn).toBe(2);
});

test("who asks for room too late hears of it too", async () => {
  const store = await openStore();
  const body = bodyOf(1, store.log.stagedBodyBytesMax);
  while (store.append(1, body) !== undefined);
  await store.settle();
  let told = 0;
  store.log.onRoom(() => told++);
  store.clock.turn();
  expect(told).toBe(1);
});

test("ordinary writers stop before the reserve, others before the end of the ring", async () => {
  const store = await openStore();
  const body = bodyOf(1, 200);
  const fill = async (useReserve: boolean): Promise<void> => {
    while (store.append(1, body, useReserve) !== undefined) await store.settle();
  };
  await fill(false);
  expect(store.log.usedBytes).toBe(store.log.ringBytes - store.log.reserveBytes);
  await fill(true);
  expect(store.log.usedBytes).toBe(store.log.ringBytes);
  let told = 0;
  store.log.onRoom(() => told++);
  await store.checkpoint(store.log.durableLsn);
  expect(told).toBe(1);
  expect(store.log.usedBytes).toBe(0);
  expect(store.append(1, body)).toBeDefined();
});

test("a failed write is announced once, and nothing after it is durable", async () => {
  let isFailing = false;
  const store = await openHooked((operation) => {
    if (operation === "write" && isFailing) throw new Fault("ERR_IO", "the disk refused");
  });
  const failures: Error[] = [];
  store.log.onFailure((failure) => failures.push(failure));
  store.append(1, bodyOf(1, 10));
  await store.settle();
  isFailing = true;
  store.append(1, bodyOf(2, 10));
  await store.settle();
  isFailing = false;
  expect(failures).toEqual([store.log.failure]);
  expect(isFault(store.log.failure, "ERR_IO")).toBe(true);
  expect(store.log.room(1, true)).toBe(false);
  await store.settle();
  expect(store.log.durableLsn).toBe(1);
  await expect(store.log.close()).rejects.toBe(store.log.failure);
});

test("a turn that ends after its first write failed does not write again", async () => {
  let writeCount = 0;
  const store = await openHooked((operation) => {
    if (operation !== "write") return;
    writeCount++;
    throw new Fault("ERR_IO", "the disk refused");
  });
  const body = bodyOf(1, store.log.stagedBodyBytesMax);
  store.append(1, body);
  store.append(1, body);
  expect(writeCount).toBe(1);
  await Promise.resolve();
  await Promise.resolve();
  await store.settle();
  store.clock.turn();
  expect(store.log.failure).toBeDefined();
  expect(writeCount).toBe(1);
});

test("what is truncated is forgotten in memory too", async () => {
  const store = await openStore();
  for (let tag = 1; tag <= 300; tag++) {
    store.append(1, bodyOf(tag, 300));
    await store.settle();
    if (tag % 10 === 0) await store.checkpoint(store.log.durableLsn);
    expect(store.index.size).toBeLessThanOrEqual(10);
  }
});

test("close waits for what was appended and refuses more", async () => {
  const store = await openStore();
  store.append(1, bodyOf(1, 10));
  store.clock.turn();
  store.append(1, bodyOf(2, 10));
  const closing = store.log.close();
  expect(store.log.room(1, true)).toBe(false);
  await Promise.all([closing, store.settle(), store.log.close()]);
  expect(store.log.durableLsn).toBe(2);
  expect(store.log.lastBatch).toBe(2);
});

test("an anchor makes everything after it, and nothing before it, come back", async () => {
  const volume = await freshVolume();
  const store = await openStore(volume);
  for (let tag = 1; tag <= 12; tag++) {
    store.append(1, bodyOf(tag, 100));
    if (tag % 3 === 0) await store.settle();
  }
  for (const position of [0, 1, 3, 4, 8, 9, 11, 12]) {
    await store.checkpoint(lsn(position));
    const again = await openStore(volumeOver(volume.image.copy()));
    expect(again.recovered.map((entry) => entry.lsn)).toEqual(
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].filter((number) => position < number),
    );
  }
});

test("a reader sees every durable entry from its first on, once, as they come", async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("append" as const), length: fc.integer({ min: 4, max: 6000 }) }),
    fc.record({ kind: fc.constant("settle" as const) }),
    fc.record({ kind: fc.constant("read" as const) }),
    fc.record({ kind: fc.constant("checkpoint" as const), back: fc.nat(8) }),
    fc.record({ kind: fc.constant("reader" as const), ahead: fc.integer({ min: -6, max: 3 }) }),
  );
  let readCount = 0;
  let goneCount = 0;
  const property = fc.asyncProperty(
    fc.array(step, { maxLength: 80, size: "max" }),
    async (steps) => {
      const store = await openStore();
      const bodies: string[] = [];
      let reader = store.log.reader(lsn(1));
      let next = 1;
      for (const one of steps) {
        const { log } = store;
        if (one.kind === "append") {
          const body = bodyOf(bodies.length + 1, one.length);
          if (store.append(1, body) !== undefined) bodies.push(hex(body));
        } else if (one.kind === "settle") {
          await store.settle();
        } else if (one.kind === "checkpoint") {
          await store.checkpoint(lsn(Math.max(log.truncatedLsn, log.durableLsn - one.back)));
        } else if (one.kind === "reader") {
          next = Math.max(log.truncatedLsn + 1, log.durableLsn + one.ahead);
          reader = log.reader(lsn(next));
        } else {
          try {
            const durable = log.durableLsn;
            const seen = await readAll(reader);
            const expected = bodies.slice(next - 1, next - 1 + seen.length);
            expect(seen.map(({ body }) => body)).toEqual(expected);
            next += seen.length;
            expect(next).toBeGreaterThan(durable);
            readCount += seen.length;
            expect(reader.nextLsn).toBe(next);
          } catch (error) {
            if (!isFault(error, "ERR_VERSION_GONE")) throw error;
            expect(next).toBeLessThanOrEqual(log.truncatedLsn);
            goneCount++;
            next = log.truncatedLsn + 1;
            reader = log.reader(lsn(next));
          }
        }
      }
    },
  );
  await fc.assert(property, { seed: 3, numRuns: 150 });
  expect(readCount).toBeGreaterThan(500);
  expect(goneCount).toBeGreaterThan(5);
});

test("a reader of a long ring, of which not every batch is indexed, sees nothing before", async () => {
  const longGeometry = { ...smallGeometry, ringUnits: 8 * 4096 };
  const store = await TestStore.open(await freshVolume(longGeometry), longGeometry);
  for (let tag = 1; tag <= 20; tag++) {
    store.append(1, bodyOf(tag, 100));
    await store.settle();
  }
  for (let from = 1; from <= 21; from++) {
    const reader = store.log.reader(lsn(from));
    const seen = [...(await readAll(reader)), ...(await readAll(reader))];
    const expected = Array.from({ length: 21 - from }, (_, index) => from + index);
    expect(seen.map((entry) => entry.lsn)).toEqual(expected);
    expect(reader.nextLsn).toBe(21);
  }
});

test("a reader overtaken by the truncation while it reads is told", async () => {
  const reading = new Gate();
  let isHeld = false;
  const store = await openHooked(async (operation) => {
    if (operation === "read" && isHeld) await reading.passed;
  });
  for (let tag = 1; tag <= 5; tag++) store.append(1, bodyOf(tag, 100));
  await store.settle();
  const reader = store.log.reader(lsn(2));
  isHeld = true;
  const outcome = readAll(reader).catch((error: unknown) => error);
  await store.checkpoint(lsn(5));
  reading.open();
  expect(isFault(await outcome, "ERR_VERSION_GONE")).toBe(true);
  expect(() => store.log.reader(lsn(5))).toThrow(/entry 5 was truncated.*take a snapshot/);
});

test("a reader names a durable batch that has rotted", async () => {
  const volume = await freshVolume();
  const store = await openStore(volume);
  store.append(1, bodyOf(1, 100));
  await store.settle();
  volume.image.write(65_536 + 150, Uint8Array.of(0x55));
  await expect(readAll(store.log.reader(lsn(1)))).rejects.toMatchObject({ code: "ERR_CORRUPT" });
});

test("appending past what `room` allowed is a bug that is caught", async () => {
  const store = await openStore();
  expect(() => store.log.append(1, store.log.stagedBodyBytesMax + 1)).toThrow(/room/);
  await store.close();
  expect(() => store.log.append(1, 1)).toThrow(/room/);
});
