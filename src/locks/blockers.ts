/**
 * Who stands in the way of a request: the others that hold what conflicts with it, and the older
 * ones that wait for what conflicts with it. A younger one that waits is never in the way.
 */

import type { KeyLock, KeyWait } from "./key-lock.ts";
import type { KeyLocks } from "./key-locks.ts";
import type { LockOwner } from "./lock-owner.ts";
import type { LockMode } from "./lock-mode.ts";
import type { RangeLock, RangeLocks } from "./range-locks.ts";

export type LockRequest = KeyWait | RangeLock;

/** All locks there are. */
export interface Locks {
  readonly keys: KeyLocks;
  readonly ranges: RangeLocks;
}

/** Told of each blocker, and whether it waits itself; of the same one maybe more than once. */
export type BlockerVisitor = (blocker: LockOwner, waits: boolean) => void;

/** One of those in the way of the request, if there is any. */
export function blockerOf(locks: Locks, request: LockRequest): LockOwner | undefined {
  if (request.kind === "range") return blockerOfRange(locks, request);
  const { lock, owner, mode } = request;
  return lock.blockerOf(owner, mode) ?? rangeAgainstKey(locks, lock.key, owner, mode);
}

/** The same for a key that may have no lock yet, before there is a request. */
export function blockerOfKey(
  locks: Locks,
  target: { readonly key: string; readonly lock: KeyLock | undefined },
  owner: LockOwner,
  mode: LockMode,
): LockOwner | undefined {
  const blocker = target.lock?.blockerOf(owner, mode);
  return blocker ?? rangeAgainstKey(locks, target.key, owner, mode);
}

function rangeAgainstKey(
  locks: Locks,
  key: string,
  owner: LockOwner,
  mode: LockMode,
): LockOwner | undefined {
  if (locks.ranges.size === 0) return undefined;
  let blocker: LockOwner | undefined;
  locks.ranges.visitAgainst(mode, key, keyAfter(key), (other) => {
    if (isInTheWay(other, owner)) blocker = other.owner;
    return blocker === undefined;
  });
  return blocker;
}

function blockerOfRange(locks: Locks, request: RangeLock): LockOwner | undefined {
  const { owner, mode, start, end } = request;
  let blocker: LockOwner | undefined;
  locks.keys.visitRange(start, end, (lock) => {
    blocker = lock.blockerOf(owner, mode);
    return blocker === undefined;
  });
  if (blocker !== undefined) return blocker;

  locks.ranges.visitAgainst(mode, start, end, (other) => {
    if (isInTheWay(other, owner)) blocker = other.owner;
    return blocker === undefined;
  });
  return blocker;
}

/** Visits everybody in the way of the request. */
export function visitBlockers(locks: Locks, request: LockRequest, visit: BlockerVisitor): void {
  const { owner, mode } = request;
  if (request.kind === "key") request.lock.visitBlockers(owner, mode, visit);
  else {
    locks.keys.visitRange(request.start, request.end, (lock) => {
      lock.visitBlockers(owner, mode, visit);
      return true;
    });
  }
  const start = request.kind === "key" ? request.lock.key : request.start;
  const end = request.kind === "key" ? keyAfter(start) : request.end;
  locks.ranges.visitAgainst(mode, start, end, (other) => {
    if (isInTheWay(other, owner)) visit(other.owner, other.waiting);
    return true;
  });
}

function isInTheWay(other: RangeLock, owner: LockOwner): boolean {
  return other.owner !== owner && (!other.waiting || other.owner.isOlderThan(owner));
}

/** Whether anybody but `owner` holds the key against `mode` or, for a write, waits for it. */
export function conflictsWithKey(
  locks: Locks,
  key: string,
  mode: LockMode,
  owner: LockOwner | undefined,
): boolean {
  const lock = locks.keys.find(key);
  if (lock !== undefined && lock.conflictsWith(owner, mode)) return true;
  return conflictsWithRangeLocks(locks, mode, { start: key, end: keyAfter(key) }, owner);
}

/** The same of a range. */
export function conflictsWithRange(
  locks: Locks,
  range: { readonly start: string; readonly end: string | undefined },
  mode: LockMode,
  owner: LockOwner | undefined,
): boolean {
  const noKey = locks.keys.visitRange(
    range.start,
    range.end,
    (lock) => !lock.conflictsWith(owner, mode),
  );
  return !noKey || conflictsWithRangeLocks(locks, mode, range, owner);
}

function conflictsWithRangeLocks(
  locks: Locks,
  mode: LockMode,
  range: { readonly start: string; readonly end: string | undefined },
  owner: LockOwner | undefined,
): boolean {
  return !locks.ranges.visitAgainst(mode, range.start, range.end, (other) => {
    const counts = !other.waiting || mode === "exclusive";
    return !counts || other.owner === owner;
  });
}

/** The first key after `key`, so that [key, keyAfter(key)) is the key alone. */
function keyAfter(key: string): string {
  return `${key}\0`;
}
