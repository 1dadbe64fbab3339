/** Compares all that a store shows with the rows that it should hold. */

import assert from "node:assert/strict";
import { compareBytes, fromLatin1, latin1, printable } from "../../src/base/bytes.ts";
import type { Runner, Step } from "../../src/transactions/step.ts";
import type { Transactions } from "../../src/transactions/transactions.ts";
import type { Rows } from "./ledger.ts";
import { CENSUS_PREFIXES } from "./rows.ts";

/** By scans both ways, by look-ups, by counts, and through a snapshot. */
export async function checkStore(engine: Transactions, expected: Rows): Promise<void> {
  await checkRunner(engine, expected, "the store");
  const snapshot = await engine.snapshot();
  await checkRunner(snapshot, expected, "a snapshot");
  snapshot.release();
}

export async function checkRunner(
  runner: Pick<Runner, "run">,
  expected: Rows,
  name: string,
): Promise<void> {
  const wanted = sortedRows(expected);
  sameRows(await runner.run((step) => scanAll(step, false)), wanted, `${name}, forwards`);
  sameRows(
    await runner.run((step) => scanAll(step, true)),
    wanted.toReversed(),
    `${name}, backwards`,
  );
  for (const prefix of CENSUS_PREFIXES) {
    const start = latin1(prefix);
    const count = wanted.filter(([key]) => key.startsWith(start)).length;
    assert.equal(await runner.run((step) => step.count(prefix)), count, `${name} counts its rows`);
  }
  for (const [key, value] of wanted) {
    const found = await runner.run((step) => step.get(fromLatin1(key)));
    assert(found !== undefined && compareBytes(found, value) === 0, `${name} finds ${show(key)}`);
  }
}

export type Row = readonly [string, Uint8Array];

export function scanAll(step: Step, reverse: boolean): Row[] {
  const rows: Row[] = [];
  step.scan({ start: new Uint8Array(0), end: undefined, reverse }, (entry) => {
    const { valueBytes, valueAt, valueLength } = entry;
    const key = latin1(entry.keyBytes, 0, entry.keyLength);
    return rows.push([key, valueBytes.slice(valueAt, valueAt + valueLength)]) > 0;
  });
  return rows;
}

export function sortedRows(rows: Rows): Row[] {
  // Latin1 strings compare as their bytes do.
  return [...rows].toSorted(([left], [right]) => (left < right ? -1 : 1));
}

function sameRows(found: readonly Row[], wanted: readonly Row[], name: string): void {
  for (let index = 0; index < Math.max(found.length, wanted.length); index++) {
    const left = found[index];
    const right = wanted[index];
    const isSame =
      left !== undefined &&
      right !== undefined &&
      left[0] === right[0] &&
      compareBytes(left[1], right[1]) === 0;
    if (isSame) continue;
    assert.fail(`${name}: row ${index} is ${describe(left)} instead of ${describe(right)}`);
  }
}

function describe(row: Row | undefined): string {
  if (row === undefined) return "missing";
  const [key, value] = row;
  return `${show(key)} = ${value.length} bytes, "${printable(value, 24)}"`;
}

function show(key: string): string {
  return `"${printable(fromLatin1(key), 40)}"`;
}
