import { describe, expect, test } from "vitest";
import { conflictGraph, inConflict, serialOrders, shortestCycle } from "./conflicts.ts";
import { everySchedule, randomSchedule } from "./generate-schedules.ts";
import { parseSchedule } from "./parse-schedule.ts";
import { formatSchedule, isData, type Schedule } from "./schedule.ts";
import { endIndexes } from "./schedule-ends.ts";
import { type LockingRule, type LockMode, producibleByTwoPhase } from "./two-phase.ts";

interface Held {
  readonly transaction: string;
  readonly item: string;
  readonly mode: LockMode;
}

/** Tries all ways to take and let go of locks between the operations. */
function bruteForce(schedule: Schedule, rule: LockingRule): boolean {
  const { operations } = schedule;
  const ends = new Map(operations.map(({ transaction, index }) => [transaction, index]));
  for (const [transaction, index] of endIndexes(schedule)) ends.set(transaction, index);
  const wanted = new Map<string, Held>();
  for (const { transaction, item, kind } of operations.filter(isData)) {
    const mode: LockMode = kind === "read" ? "shared" : "exclusive";
    wanted.set(JSON.stringify([transaction, item, mode]), { transaction, item, mode });
  }
  const seen = new Set<string>();
  const go = (at: number, held: readonly Held[], shrinking: ReadonlySet<string>): boolean => {
    if (at === operations.length) return true;
    const key = JSON.stringify([
      at,
      held.map((one) => JSON.stringify(one)).toSorted(),
      [...shrinking].toSorted(),
    ]);
    if (seen.has(key)) return false;
    seen.add(key);
    for (const lock of wanted.values()) {
      if (shrinking.has(lock.transaction)) continue;
      if (
        held.some(
          (one) =>
            one.transaction === lock.transaction &&
            one.item === lock.item &&
            (one.mode === lock.mode || one.mode === "exclusive"),
        )
      )
        continue;
      const blocked = held.some(
        (one) =>
          one.item === lock.item &&
          one.transaction !== lock.transaction &&
          (one.mode === "exclusive" || lock.mode === "exclusive"),
      );
      if (!blocked && go(at, [...held, lock], shrinking)) return true;
    }
    for (const { transaction, item } of held) {
      const isKept = held.some(
        (one) =>
          one.transaction === transaction &&
          one.item === item &&
          (rule === "rigorous" || (rule === "strict" && one.mode === "exclusive")),
      );
      if (isKept && at <= (ends.get(transaction) ?? 0)) continue;
      const rest = held.filter((one) => one.transaction !== transaction || one.item !== item);
      if (go(at, rest, new Set([...shrinking, transaction]))) return true;
    }
    const operation = operations[at];
    if (operation === undefined) return false;
    const isHeld =
      !isData(operation) ||
      held.some(
        (one) =>
          one.transaction === operation.transaction &&
          one.item === operation.item &&
          (one.mode === "exclusive" || operation.kind === "read"),
      );
    return isHeld && go(at + 1, held, shrinking);
  };
  return go(0, [], new Set());
}

/** Runs the plan beside the schedule and sees whether anything is used unlocked. */
function checkPlan(schedule: Schedule, rule: LockingRule): void {
  const verdict = producibleByTwoPhase(schedule, rule);
  if (!verdict.possible) return;
  const shrinking = new Set<string>();
  let held: Held[] = [];
  const steps = [...verdict.locks];
  for (let at = 0; at <= schedule.operations.length; at++) {
    while (steps[0]?.before === at) {
      const step = steps.shift();
      if (step === undefined) break;
      const { transaction, item, mode } = step;
      if (step.kind === "unlock") {
        expect(held.some((one) => one.transaction === transaction && one.item === item)).toBe(true);
        held = held.filter((one) => one.transaction !== transaction || one.item !== item);
        shrinking.add(transaction);
        continue;
      }
      expect(shrinking.has(transaction)).toBe(false);
      expect(
        held.some(
          (one) =>
            one.item === item &&
            one.transaction !== transaction &&
            (one.mode === "exclusive" || mode === "exclusive"),
        ),
      ).toBe(false);
      held.push({ transaction, item, mode });
    }
    const operation = schedule.operations[at];
    if (operation === undefined || !isData(operation)) continue;
    const { transaction, item, kind } = operation;
    const locked = held.some(
      (one) =>
        one.transaction === transaction &&
        one.item === item &&
        (one.mode === "exclusive" || kind === "read"),
    );
    expect(locked, formatSchedule(schedule)).toBe(true);
  }
  expect(steps).toEqual([]);
  expect(held).toEqual([]);
}

const rules: readonly LockingRule[] = ["plain", "strict", "rigorous"];

describe("the answer is that of trying all ways to lock", () => {
  for (const rule of rules) {
    test(`${rule}: all schedules of two transactions, and random ones of three`, () => {
      const schedules = [...everySchedule([2, 2], ["x", "y"])];
      for (let seed = 0; seed < 600; seed++) {
        schedules.push(
          randomSchedule({ seed, transactions: 3, operations: 7, items: 3, ends: seed % 2 === 0 }),
        );
      }
      const counts = { true: 0, false: 0 };
      for (const schedule of schedules) {
        const { possible } = producibleByTwoPhase(schedule, rule);
        counts[`${possible}`]++;
        expect(possible, `${rule}: ${formatSchedule(schedule)}`).toBe(bruteForce(schedule, rule));
        checkPlan(schedule, rule);
      }
      expect(Math.min(counts.true, counts.false)).toBeGreaterThan(50);
    });
  }
});

test("what two-phase locking lets through is conflict-serializable", () => {
  for (let seed = 0; seed < 2000; seed++) {
    const schedule = randomSchedule({
      seed,
      transactions: 4,
      operations: 10,
      items: 3,
      ends: false,
    });
    if (!producibleByTwoPhase(schedule, "plain").possible) continue;
    const graph = conflictGraph(schedule);
    expect(shortestCycle(graph)).toBe(undefined);
    expect(serialOrders(graph, 1)).toHaveLength(1);
  }
});

test("the operation that would have had to wait is named, with the reason", () => {
  // T1 must let go of x before w2(x), when it has not yet locked y, which T3 uses until then.
  const verdict = producibleByTwoPhase(parseSchedule("w1(x) r2(x) r3(y) w1(y)"), "plain");
  expect(verdict.possible).toBe(false);
  expect(
    !verdict.possible && formatSchedule({ operations: [verdict.waiting], transactions: [] }),
  ).toBe("r2(x)");
  expect(!verdict.possible && verdict.because).toBe(
    "T1 holds x and cannot let go of it before it has locked y for w1(y), " +
      "and T3 still uses y in r3(y)",
  );
});

test("conflicts are symmetric", () => {
  for (const schedule of everySchedule([2, 1], ["x"])) {
    for (const one of schedule.operations) {
      for (const two of schedule.operations)
        expect(inConflict(one, two)).toBe(inConflict(two, one));
    }
  }
});
