/** Calls of a step as data, made on a store and on a sorted map, with answers as text. */

import { compareBytes, fromLatin1, hashBytes, latin1 } from "../../src/base/bytes.ts";
import type { SeededRandom } from "../../src/base/random.ts";
import type { Step } from "../../src/transactions/step.ts";
import { CENSUS_PREFIXES, randomKey, randomValue } from "./rows.ts";
import { sortedRows } from "./check-store.ts";

export type Call =
  | { readonly kind: "set"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: "get" | "getForUpdate" | "delete" | "count"; readonly key: Uint8Array }
  | { readonly kind: "removeRange"; readonly start: Uint8Array; readonly end: Uint8Array }
  | {
      readonly kind: "scan";
      readonly start: Uint8Array;
      readonly end: Uint8Array | undefined;
      readonly reverse: boolean;
      readonly limit: number;
    };

export interface CallOptions {
  readonly keyCount: number;
  readonly valueBytesMax: number;
  readonly scanLimit: number;
}

export function randomCall(random: SeededRandom, options: CallOptions): Call {
  const key = randomKey(random, options.keyCount);
  const kind = random.below(100);
  if (kind < 45) return { kind: "set", key, value: randomValue(random, options.valueBytesMax) };
  if (kind < 58) return { kind: "delete", key };
  if (kind < 68) return { kind: "get", key };
  if (kind < 76) return { kind: "getForUpdate", key };
  if (kind < 80) {
    const prefix = CENSUS_PREFIXES[random.below(CENSUS_PREFIXES.length)] as Uint8Array;
    return { kind: "count", key: prefix };
  }
  const other = randomKey(random, options.keyCount);
  const [start, end] = compareBytes(key, other) <= 0 ? [key, other] : [other, key];
  if (kind < 84) {
    const near = start.slice(0, 9);
    near[near.length - 1] = Math.min(255, (near.at(-1) as number) + random.below(6));
    return { kind: "removeRange", start: start.slice(0, 9), end: near };
  }
  const limit = 1 + random.below(options.scanLimit);
  const isOpen = random.chance(30);
  return { kind: "scan", start, end: isOpen ? undefined : end, reverse: random.chance(50), limit };
}

/** Makes the call on a store. */
export function perform(step: Step, call: Call): string {
  switch (call.kind) {
    case "set":
      step.set(call.key, call.value);
      return "";
    case "get":
      return textOf(step.get(call.key));
    case "getForUpdate":
      return textOf(step.getForUpdate(call.key));
    case "delete":
      step.delete(call.key);
      return "";
    case "count":
      return String(step.count(call.key));
    case "removeRange":
      step.removeRange(call.start, call.end);
      return "";
    case "scan": {
      const rows: string[] = [];
      step.scan(call, (entry) => {
        const { valueBytes, valueAt, valueLength } = entry;
        const value = valueBytes.subarray(valueAt, valueAt + valueLength);
        return rows.push(rowText(latin1(entry.keyBytes, 0, entry.keyLength), value)) < call.limit;
      });
      return rows.join(";");
    }
  }
}

/** Makes the call on a map; keys as latin1, whose strings compare as their bytes do. */
export function performOn(rows: Map<string, Uint8Array>, call: Call): string {
  switch (call.kind) {
    case "set":
      rows.set(latin1(call.key), call.value);
      return "";
    case "get":
    case "getForUpdate":
      return textOf(rows.get(latin1(call.key)));
    case "delete":
      rows.delete(latin1(call.key));
      return "";
    case "count":
      return String(keysBetween(rows, latin1(call.key), undefined, latin1(call.key)).length);
    case "removeRange":
      for (const key of keysBetween(rows, latin1(call.start), latin1(call.end))) rows.delete(key);
      return "";
    case "scan": {
      const end = call.end === undefined ? undefined : latin1(call.end);
      const within = sortedRows(rows).filter(
        ([key]) => latin1(call.start) <= key && (end === undefined || key < end),
      );
      const ordered = call.reverse ? within.toReversed() : within;
      return ordered
        .slice(0, call.limit)
        .map(([key, value]) => rowText(key, value))
        .join(";");
    }
  }
}

function keysBetween(
  rows: ReadonlyMap<string, Uint8Array>,
  start: string,
  end: string | undefined,
  prefix = "",
): readonly string[] {
  return [...rows.keys()].filter(
    (key) => start <= key && (end === undefined || key < end) && key.startsWith(prefix),
  );
}

function rowText(key: string, value: Uint8Array): string {
  const bytes = fromLatin1(key);
  return `${key.slice(0, 12)}~${key.length}~${hashBytes(bytes, 0, bytes.length)}=${textOf(value)}`;
}

function textOf(value: Uint8Array | undefined): string {
  if (value === undefined) return "absent";
  return `${value.length} bytes, hash ${hashBytes(value, 0, value.length)}`;
}
