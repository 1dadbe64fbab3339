/** Keys and values as texts of one character a byte, as workloads like them. */

import { fromLatin1, latin1 } from "../../base/bytes.ts";
import type { Step } from "../../transactions/step.ts";

export function read(step: Step, key: string): string | undefined {
  const value = step.get(fromLatin1(key));
  return value === undefined ? undefined : latin1(value);
}

export function readForUpdate(step: Step, key: string): string | undefined {
  const value = step.getForUpdate(fromLatin1(key));
  return value === undefined ? undefined : latin1(value);
}

export function write(step: Step, key: string, value: string): void {
  step.set(fromLatin1(key), fromLatin1(value));
}

export function remove(step: Step, key: string): void {
  step.delete(fromLatin1(key));
}

export interface Row {
  readonly key: string;
  readonly value: string;
}

export interface RowsRange {
  /** The keys that begin so. */
  readonly prefix: string;
  readonly reverse?: boolean;
  readonly limit?: number;
}

export function rows(step: Step, { prefix, reverse = false, limit }: RowsRange): readonly Row[] {
  const found: Row[] = [];
  const range = { start: fromLatin1(prefix), end: fromLatin1(`${prefix}\xff`), reverse };
  step.scan(range, ({ keyBytes, keyLength, valueBytes, valueAt, valueLength }) => {
    const key = latin1(keyBytes, 0, keyLength);
    found.push({ key, value: latin1(valueBytes, valueAt, valueLength) });
    return found.length !== limit;
  });
  return found;
}

/** Numbers as keys need them: in the order of their texts. */
export function digits(value: number, count = 3): string {
  return String(value).padStart(count, "0");
}
