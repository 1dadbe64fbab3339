/**
 * Predicates over ranges: a group takes a new row only while it has fewer than its limit, and only
 * while the sum of its rows stays below another. Rows that appear in a range that was looked at
 * would break both.
 */

import type { Step } from "../../../transactions/step.ts";
import { digits, remove, rows, type Row, write } from "../rows.ts";
import type { SerialClient, Workload } from "../workload.ts";

const THINK_MS = 3;
const ROWS_MAX = 6;
const SUM_MAX = 100;

export function phantoms(groupCount: number): Workload {
  return {
    name: "phantoms",
    setup: async () => undefined,
    act: async (client) => {
      const group = client.random.below(groupCount);
      const choice = client.random.below(10);
      if (choice < 3) {
        await client.run((step) => change(client, group, look(step, group, false))(step));
      } else if (choice < 8) await slowChange(client, group);
      else if (choice === 8) {
        requireLimits(client, group, await client.run((step) => look(step, group, true)));
      } else {
        const found = await client.snapshot((view) => view.run((step) => look(step, group, false)));
        requireLimits(client, group, found);
      }
    },
    check: async (client) => {
      for (let group = 0; group < groupCount; group++) {
        requireLimits(client, group, await client.run((step) => look(step, group, false)));
      }
    },
  };
}

function prefixOf(group: number): string {
  return `phantoms/${digits(group)}/`;
}

function sumOf(found: readonly Row[]): number {
  return found.reduce((sum, { value }) => sum + Number.parseInt(value, 10), 0);
}

function look(step: Step, group: number, reverse: boolean): readonly Row[] {
  return rows(step, { prefix: prefixOf(group), reverse });
}

function requireLimits(client: SerialClient, group: number, found: readonly Row[]): void {
  if (found.length > ROWS_MAX) client.violated(`group ${group} has ${found.length} rows`);
  if (sumOf(found) > SUM_MAX) client.violated(`group ${group} adds up to ${sumOf(found)}`);
}

/** What a client that saw these rows does: one more where there is room, or one less. */
function change(client: SerialClient, group: number, found: readonly Row[]): (step: Step) => void {
  const amount = 1 + client.random.below(40);
  const hasRoom = found.length < ROWS_MAX && sumOf(found) + amount <= SUM_MAX;
  const key = `${prefixOf(group)}${digits(client.random.below(1000))}`;
  const isNew = found.every((row) => row.key !== key);
  const last = found[client.random.below(Math.max(1, found.length))];
  const text = client.unique();
  return (step: Step): void => {
    if (hasRoom && isNew) write(step, key, `${amount} ${text}`);
    else if (last !== undefined) remove(step, last.key);
  };
}

async function slowChange(client: SerialClient, group: number): Promise<void> {
  await client.transact(async (transaction) => {
    const reverse = client.random.chance(50);
    const found = await transaction.run((step) => look(step, group, reverse));
    requireLimits(client, group, found);
    await client.think(THINK_MS);
    await transaction.run(change(client, group, found));
    await client.think(THINK_MS);
  });
}
