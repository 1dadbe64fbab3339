import { beforeEach, expect, test } from "vitest";
import { SteadyWall } from "./steady-wall.ts";

const HOUR_MS = 3_600_000;
const BEGIN_MS = 1_893_456_000_000;
let passedMs = 0;
let wall = new SteadyWall({ monotonicMs: () => passedMs });

beforeEach(() => {
  passedMs = 500;
  wall = new SteadyWall({ monotonicMs: () => passedMs });
});

/** What it is after so long a time, in a machine whose date is so far off. */
function read(afterMs: number, offsetMs: number): number {
  passedMs += afterMs;
  return wall.read(BEGIN_MS + passedMs - 500 + offsetMs) - BEGIN_MS;
}

test("it is what the machine says, as long as that goes on", () => {
  expect(read(0, 0)).toBe(0);
  expect(read(10, 0)).toBe(10);
  expect(read(HOUR_MS, 0)).toBe(HOUR_MS + 10);
  expect(read(1, HOUR_MS)).toBe(2 * HOUR_MS + 11);
  expect(read(1, HOUR_MS + 300)).toBe(2 * HOUR_MS + 312);
});

test("where the machine was set back it goes on, until the machine has caught up", () => {
  read(0, 0);
  expect(read(10, -HOUR_MS)).toBe(10);
  expect(read(10, -HOUR_MS)).toBe(20);
  expect(read(HOUR_MS, -HOUR_MS)).toBe(HOUR_MS + 20);
  expect(read(10, 5)).toBe(HOUR_MS + 35);
});

test("time in which nobody asked passed as well when the machine was set back in it", () => {
  read(0, 0);
  expect(read(HOUR_MS, -2 * HOUR_MS), "to before it was asked last").toBe(HOUR_MS);
  expect(read(10, -2 * HOUR_MS)).toBe(HOUR_MS + 10);
});

test("also when it was set back by less than that time", () => {
  read(0, 0);
  expect(read(3 * HOUR_MS, -HOUR_MS)).toBe(3 * HOUR_MS);
  expect(read(10, -HOUR_MS)).toBe(3 * HOUR_MS + 10);
  expect(read(10, 0)).toBe(3 * HOUR_MS + 20);
});

test("a machine whose clock is a little slower, or is mended a little, is followed", () => {
  read(0, 0);
  expect(read(HOUR_MS, -800)).toBe(HOUR_MS - 800);
  expect(read(24 * HOUR_MS, -30_000)).toBe(25 * HOUR_MS - 30_000);
});

test("it never goes back, whatever the machine says", () => {
  let lastMs = read(0, 0);
  for (let step = 0; step < 3000; step++) {
    const offsetMs = ((step * 7919) % 20_011) - 10_000 * (step % 3);
    const nowMs = read(step % 700, offsetMs);
    expect(nowMs).toBeGreaterThanOrEqual(lastMs);
    lastMs = nowMs;
  }
});

test("it goes on from a moment that it is told, if the machine is behind that", () => {
  read(0, 0);
  wall.startFrom(BEGIN_MS - 5, BEGIN_MS);
  expect(read(1, 0)).toBe(1);
  wall.startFrom(BEGIN_MS + HOUR_MS, BEGIN_MS);
  expect(read(10, 0)).toBe(HOUR_MS + 10);
  expect(read(HOUR_MS, 100)).toBe(2 * HOUR_MS + 10);
  expect(read(1, 2 * HOUR_MS)).toBe(3 * HOUR_MS + 12);
});
