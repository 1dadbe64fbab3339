/**
 * A quick look at histories of a counter: a read must lie between the least and the most that the
 * adds before and beside it can have made. What it finds is wrong for certain and easy to follow;
 * whether the rest is linearizable only the search can tell.
 */

import { describeOperationOf, type Operation } from "./operation-history.ts";
import type { Anomaly } from "./verdict.ts";

export function impossibleCounts(
  operations: readonly Operation[],
  initial: number,
): readonly Anomaly[] {
  const adds = operations.filter(({ name }) => name !== "read");
  const calls = runningSums(adds, ({ called }) => called);
  const returns = runningSums(adds, ({ returned }) => returned);
  return operations.flatMap((read) => {
    const { name, output, called, returned, index } = read;
    if (name !== "read" || typeof output !== "number") return [];
    const done = returns.before(called);
    const begun = calls.before(returned);
    // Adds that had returned are in it for certain; those that had begun are in it perhaps.
    const lowest = initial + done.up + begun.down;
    const highest = initial + begun.up + done.down;
    if (lowest <= output && output <= highest) return [];
    const because = `it read ${output}, and could only find ${lowest} to ${highest}`;
    const fact = { kind: "read", key: "counter", value: String(output) } as const;
    const operation = describeOperationOf(read);
    return [{ name: "impossible-count", steps: [{ operation, because, index, fact }] } as const];
  });
}

interface Sums {
  /** The sums of the positive and of the negative amounts before a moment. */
  before(moment: number): { readonly up: number; readonly down: number };
}

function runningSums(adds: readonly Operation[], momentOf: (add: Operation) => number): Sums {
  const inOrder = adds.toSorted((left, right) => momentOf(left) - momentOf(right));
  const moments = inOrder.map(momentOf);
  let [up, down] = [0, 0];
  const sums = inOrder.map((add) => {
    const amount = amountOf(add);
    if (amount > 0) up += amount;
    else down += amount;
    return { up, down };
  });
  return {
    before: (moment) => {
      let low = 0;
      let high = moments.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((moments[middle] as number) < moment) low = middle + 1;
        else high = middle;
      }
      return sums[low - 1] ?? { up: 0, down: 0 };
    },
  };
}

export function amountOf({ name, input }: Operation): number {
  const amount = typeof input === "number" ? input : 1;
  return name === "decrement" ? -amount : amount;
}
