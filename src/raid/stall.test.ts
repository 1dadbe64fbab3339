import { expect, test } from "vitest";
import { Stall, StallWatch } from "./stall.ts";
import { SteppedClock } from "./test-array.suite.ts";

const STALL_MS = 80;
const PART_MS = 10;

test("what ends in time is told as it ended, and leaves no timer", async () => {
  const clock = new CountingClock();
  const watch = new StallWatch(clock, STALL_MS);
  expect(await watch.inTime(Promise.resolve(7))).toBe(7);
  const error = new Error("broken");
  expect(await watch.inTime(Promise.reject(error)).catch((one: unknown) => one)).toBe(error);
  expect(clock.waiting).toBe(0);
});

test("many under way have one timer", async () => {
  const clock = new CountingClock();
  const watch = new StallWatch(clock, STALL_MS);
  const ends: (() => void)[] = [];
  const all = Array.from({ length: 100 }, async () => {
    await watch.inTime(new Promise<void>((resolve) => ends.push(resolve)));
  });
  expect([clock.begun, clock.waiting]).toEqual([1, 1]);
  for (const end of ends) end();
  await Promise.all(all);
  expect(clock.waiting).toBe(0);
});

test("each is given up on after its own time, and no earlier", async () => {
  const clock = new CountingClock();
  const watch = new StallWatch(clock, STALL_MS);
  const stalledMs: number[] = [];
  for (let beganMs = 0; beganMs < 200; beganMs += 5) {
    void watch.inTime(new Promise<void>(() => undefined)).catch((error: unknown) => {
      if (error instanceof Stall) stalledMs.push(clock.monotonicMs() - beganMs);
    });
    await pass(clock, 5);
  }
  await pass(clock, 2 * STALL_MS);
  expect(stalledMs).toHaveLength(40);
  expect(Math.min(...stalledMs)).toBeGreaterThanOrEqual(STALL_MS);
  expect(Math.max(...stalledMs)).toBeLessThanOrEqual(STALL_MS + PART_MS);
  expect(clock.waiting).toBe(0);
});

test("nothing is given up on while the process stood still", async () => {
  const clock = new CountingClock();
  const watch = new StallWatch(clock, STALL_MS);
  let end = (): void => undefined;
  const running = watch.inTime(new Promise<void>((resolve) => (end = resolve)));
  clock.advance(1_000_000);
  end();
  await running;
});

async function pass(clock: SteppedClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 5) {
    clock.advance(5);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }
}

class CountingClock extends SteppedClock {
  begun = 0;
  waiting = 0;

  override after(delayMs: number, fire: () => void): () => void {
    this.begun++;
    this.waiting++;
    const cancel = super.after(delayMs, () => {
      this.waiting--;
      fire();
    });
    return () => {
      this.waiting--;
      cancel();
    };
  }
}
