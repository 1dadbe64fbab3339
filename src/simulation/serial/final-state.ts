/** What the store must hold after a run: the writes of all that is there, in the log's order. */

import { fromLatin1, latin1 } from "../../base/bytes.ts";
import type { Engine } from "../../transactions/engine.ts";
import type { RunOptions } from "../../transactions/step.ts";
import type { OpenRecord, RunRecord } from "./run-record.ts";
import { valueText } from "./recording-step.ts";

interface ExpectedRow {
  readonly version: number;
  readonly value: string | undefined;
}

const SHOWN_MAX = 5;
const BATCH_ROWS = 500;
/** Whatever the store allows its clients: this must be done. */
const PATIENCE: RunOptions = { timeoutMs: 60_000 };

/** The first differences between the store and the record, in words. */
export async function compareState(engine: Engine, record: RunRecord): Promise<readonly string[]> {
  const expected = expectedRows(record);
  const differences: string[] = [];
  const differ = (what: string): void => {
    if (differences.length < SHOWN_MAX) differences.push(`the store at the end: ${what}`);
  };
  for (const { key, version, value } of await foundRows(engine)) {
    const row = expected.get(key);
    expected.delete(key);
    if (row === undefined) differ(`"${key}" is there, in version ${version}, which nobody wrote`);
    else if (row.version !== version || row.value !== value) {
      differ(`"${key}" is "${value}" of ${version}, not "${row.value}" of ${row.version}`);
    }
  }
  for (const [key, { version }] of expected) differ(`"${key}" of ${version} is missing`);
  return differences;
}

function expectedRows(record: RunRecord): Map<string, ExpectedRow> {
  const expected = new Map<string, ExpectedRow>();
  const there = record.transactions.filter((one) => record.isThere(one));
  for (const one of there.toSorted((left, right) => positionOf(left) - positionOf(right))) {
    for (const operation of one.operations) {
      if (operation.kind === "remove") expected.delete(operation.key);
      else if (operation.kind === "write") {
        expected.set(operation.key, { version: positionOf(one), value: operation.value });
      }
    }
  }
  return expected;
}

interface FoundRow {
  readonly key: string;
  readonly version: number;
  readonly value: string;
}

/** All rows, some at a time, since all their pages need not fit into memory at once. */
async function foundRows(engine: Engine): Promise<readonly FoundRow[]> {
  const found: FoundRow[] = [];
  const view = await engine.snapshot();
  for (let start: Uint8Array | undefined = new Uint8Array(0); start !== undefined;) {
    const from: Uint8Array = start;
    const batch: FoundRow[] = await view.run((step) => {
      const rows: FoundRow[] = [];
      step.scan({ start: from, end: undefined }, (entry) => {
        const { keyBytes, keyLength, valueBytes, valueAt, valueLength, version } = entry;
        const key = latin1(keyBytes, 0, keyLength);
        rows.push({ key, version, value: valueText(valueBytes, valueAt, valueLength) });
        return rows.length < BATCH_ROWS;
      });
      return rows;
    }, PATIENCE);
    found.push(...batch);
    const last = batch.length < BATCH_ROWS ? undefined : batch.at(-1);
    start = last === undefined ? undefined : keyAfter(last.key);
  }
  view.release();
  return found;
}

function keyAfter(key: string): Uint8Array {
  return fromLatin1(`${key}\0`);
}

function positionOf(record: OpenRecord): number {
  return record.lsn ?? 0;
}
