/** Schedules in all ways, and at random. */

import {
  type OperationKind,
  type Schedule,
  type ScheduledOperation,
  scheduleOf,
} from "./schedule.ts";
import { SmallRandom } from "./small-random.ts";

type Program = readonly Pick<ScheduledOperation, "kind" | "item">[];

/**
 * Every schedule of transactions with up to so many reads and writes each (at least one) over the
 * items.
 */
export function* everySchedule(
  operationsMax: readonly number[],
  items: readonly string[],
): Generator<Schedule> {
  for (const programs of everyChoice(operationsMax.map((count) => everyProgram(count, items)))) {
    for (const operations of interleavings(programs, [])) {
      yield scheduleOf(operations.map((operation, index) => ({ ...operation, index })));
    }
  }
}

function everyProgram(countMax: number, items: readonly string[]): readonly Program[] {
  const single = items.flatMap((item) =>
    (["read", "write"] as const).map((kind) => ({ kind, item })),
  );
  let programs: readonly Program[] = single.map((operation) => [operation]);
  const all = [...programs];
  for (let count = 2; count <= countMax; count++) {
    programs = programs.flatMap((program) => single.map((operation) => [...program, operation]));
    all.push(...programs);
  }
  return all;
}

function* everyChoice<Item>(choices: readonly (readonly Item[])[]): Generator<readonly Item[]> {
  const [first, ...rest] = choices;
  if (first === undefined) {
    yield [];
    return;
  }
  for (const item of first) for (const others of everyChoice(rest)) yield [item, ...others];
}

function* interleavings(
  programs: readonly Program[],
  done: readonly Omit<ScheduledOperation, "index">[],
): Generator<readonly Omit<ScheduledOperation, "index">[]> {
  if (programs.every((program) => program.length === 0)) yield done;
  for (const [at, [next, ...rest]] of programs.entries()) {
    if (next === undefined) continue;
    const others = programs.map((program, index) => (index === at ? rest : program));
    yield* interleavings(others, [...done, { ...next, transaction: String(at + 1) }]);
  }
}

export interface RandomScheduleOptions {
  readonly seed: number;
  readonly transactions: number;
  readonly operations: number;
  readonly items: number;
  /** Whether transactions commit or abort. */
  readonly ends: boolean;
}

export function randomSchedule(options: RandomScheduleOptions): Schedule {
  const random = new SmallRandom(options.seed);
  const operations: ScheduledOperation[] = [];
  const left = Array.from({ length: options.transactions }, (_, index) => String(index + 1));
  const add = (kind: OperationKind, transaction: string, item: string): void => {
    operations.push({ index: operations.length, kind, transaction, item });
  };
  while (operations.length < options.operations && left.length > 0) {
    const transaction = left[random.below(left.length)] ?? "";
    if (options.ends && random.oneIn(5)) {
      left.splice(left.indexOf(transaction), 1);
      add(random.oneIn(4) ? "abort" : "commit", transaction, "");
      continue;
    }
    const item = String.fromCharCode(0x78 - random.below(options.items));
    add(random.oneIn(2) ? "read" : "write", transaction, item);
  }
  if (options.ends) for (const transaction of left) add("commit", transaction, "");
  return scheduleOf(operations);
}
