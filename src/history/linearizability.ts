/**
 * Judges histories of operations on objects by whether they are linearizable, object by object:
 * a history is linearizable iff that of each object is.
 *
 * Where it is not, the proof is made small: the shortest beginning that already is not, without
 * the operations that make no difference. Both are sound: a beginning of a linearizable history is
 * linearizable, and so is what remains when an operation that no other needs is left out.
 */

import { groupedBy } from "./grouped-by.ts";
import { type Budget, type Linearization, linearize } from "./linearize.ts";
import type { Model } from "./model.ts";
import { describeOperationOf, type Operation } from "./operation-history.ts";
import type { Anomaly, Verdict } from "./verdict.ts";

/** How long to search. */
export interface LinearizabilityOptions {
  /** Steps of the search, over all objects. */
  readonly stepsMax: number;
}

export const defaultLinearizabilityOptions: LinearizabilityOptions = { stepsMax: 20_000_000 };

/** What the search found. */
export interface LinearizabilityReport {
  readonly verdict: Verdict;
  readonly operationCount: number;
  readonly keyCount: number;
  readonly examples: readonly CounterExample[];
}

/** A part of the history of one object that is not linearizable by itself. */
export interface CounterExample {
  readonly key: string;
  readonly operations: readonly Operation[];
}

/** Judges calls on objects of the model: whether each seems to have happened at one moment. */
export function checkLinearizable(
  operations: readonly Operation[],
  model: Model,
  options: LinearizabilityOptions = defaultLinearizabilityOptions,
): LinearizabilityReport {
  const byKey = groupedBy(operations, ({ key }) => (model.partitions ? key : ""));
  const budget: Budget = { stepsLeft: options.stepsMax };
  const anomalies: Anomaly[] = [];
  const examples: CounterExample[] = [];
  const doubts: string[] = [];
  for (const [key, group] of byKey) {
    const found = linearize(group, model, budget);
    if (found.kind === "valid") continue;
    if (found.kind === "unknown") {
      doubts.push(`key "${key}" took more than the ${options.stepsMax} steps allowed`);
      break;
    }
    const small = smallExample(group, model, found, options);
    anomalies.push(anomalyOf(small, model));
    examples.push({ key, operations: small });
  }
  const counts = { operationCount: operations.length, keyCount: byKey.size, examples };
  if (anomalies.length > 0) return { verdict: { kind: "invalid", anomalies }, ...counts };
  if (doubts.length > 0)
    return { verdict: { kind: "unknown", reason: doubts.join("; ") }, ...counts };
  return { verdict: { kind: "valid" }, ...counts };
}

/** What was seen up to a moment: what had not returned by then may yet do anything. */
export function seenUpTo(operations: readonly Operation[], moment: number): readonly Operation[] {
  return operations
    .filter(({ called }) => called <= moment)
    .map((operation) =>
      operation.returned <= moment
        ? operation
        : { ...operation, output: undefined, returned: Infinity },
    );
}

function smallExample(
  operations: readonly Operation[],
  model: Model,
  found: Linearization & { readonly kind: "invalid" },
  options: LinearizabilityOptions,
): readonly Operation[] {
  const budget = { stepsLeft: options.stepsMax };
  const isInvalid = (some: readonly Operation[]): boolean =>
    linearize(some, model, budget).kind === "invalid";
  const returns = operations
    .map(({ returned }) => returned)
    .filter((returned) => returned !== Infinity)
    .toSorted((left, right) => left - right);
  // The beginnings that are linearizable come before those that are not.
  let low = 0;
  let high = Math.max(0, returns.indexOf(found.stuck.returned));
  if (!isInvalid(seenUpTo(operations, returns[high] ?? Infinity))) high = returns.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isInvalid(seenUpTo(operations, returns[middle] ?? Infinity))) high = middle;
    else low = middle + 1;
  }
  let some = seenUpTo(operations, returns[high] ?? Infinity);
  for (const operation of some.toReversed()) {
    const without = some.filter((one) => one !== operation);
    const mayGo = model.isRead(operation) || model.isUnneeded(operation, without);
    if (mayGo && isInvalid(without)) some = without;
  }
  return some;
}

function anomalyOf(operations: readonly Operation[], model: Model): Anomaly {
  const found = linearize(operations, model, { stepsLeft: Number.MAX_SAFE_INTEGER });
  const order = found.kind === "invalid" ? found.order : [];
  const stuck = found.kind === "invalid" ? found.stuck : operations[0];
  const placed = new Set(order);
  let state = model.initial;
  const steps = order.map((operation) => {
    state = model.step(state, operation) ?? state;
    return step(operation, `it can come next, and leaves ${shown(state)}`);
  });
  const others = operations
    .filter((operation) => !placed.has(operation) && operation !== stuck)
    .map((operation) => step(operation, "it does not help, wherever it is put"));
  const last =
    stuck === undefined
      ? []
      : [step(stuck, `it had returned before anything else began, and ${shown(state)} forbids it`)];
  return { name: "not-linearizable", steps: [...steps, ...others, ...last] };
}

function step(operation: Operation, because: string): Anomaly["steps"][number] {
  return {
    operation: describeOperationOf(operation),
    because,
    index: operation.index,
    fact: { kind: "said" },
  };
}

function shown(state: string): string {
  return state === "" ? "the empty state" : `the state ${state}`;
}
