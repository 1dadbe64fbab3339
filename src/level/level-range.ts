/** The bounds that Level users give (`gt`, `gte`, `lt`, `lte`) as a range from start to end. */

import { compareBytes } from "../base/bytes.ts";
import type { LevelRange } from "./level-store.ts";

export interface LevelBounds {
  readonly gt?: Uint8Array | undefined;
  readonly gte?: Uint8Array | undefined;
  readonly lt?: Uint8Array | undefined;
  readonly lte?: Uint8Array | undefined;
  readonly reverse: boolean;
}

const FIRST_KEY = new Uint8Array(0);

/** Where both are given, `gte` counts and not `gt`, and `lte` and not `lt`, as Level has it. */
export function rangeOf(bounds: LevelBounds): LevelRange {
  const { gt, gte, lt, lte, reverse } = bounds;
  const start = gte ?? (gt === undefined ? FIRST_KEY : keyAfter(gt));
  const end = lte === undefined ? lt : keyAfter(lte);
  return { start, end, reverse };
}

/** What of the range lies at `target` or beyond it, in the direction of the range. */
export function rangeFrom(range: LevelRange, target: Uint8Array): LevelRange {
  if (!isInRange(range, target)) return { ...range, end: range.start };
  return range.reverse ? { ...range, end: keyAfter(target) } : { ...range, start: target };
}

/** What of the range lies beyond `key`, in the direction of the range. */
export function rangeBeyond(range: LevelRange, key: Uint8Array): LevelRange {
  return range.reverse ? { ...range, end: key } : { ...range, start: keyAfter(key) };
}

function isInRange({ start, end }: LevelRange, key: Uint8Array): boolean {
  return compareBytes(start, key) <= 0 && (end === undefined || compareBytes(key, end) < 0);
}

/** The least key that is greater. */
function keyAfter(key: Uint8Array): Uint8Array {
  const after = new Uint8Array(key.length + 1);
  after.set(key);
  return after;
}
