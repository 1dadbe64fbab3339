/** What the lock table holds, in rows for messages and for an operator's eyes. */

import type { Age } from "../base/ids.ts";
import type { Locks } from "./blockers.ts";
import type { LockMode } from "./lock-mode.ts";
import type { LockOwner, Owner } from "./lock-owner.ts";
import type { LockTarget } from "./lock-target.ts";

export interface LockRow {
  readonly owner: Owner;
  readonly age: Age;
  readonly prepared: boolean;
  readonly wounded: boolean;
  readonly state: "held" | "waiting";
  readonly mode: LockMode;
  readonly target: LockTarget;
}

/** At most `rowsMax` rows: owner by owner, what each holds as it was taken, then its wait. */
export function describeOwners(owners: Iterable<LockOwner>, rowsMax: number): readonly LockRow[] {
  const rows: LockRow[] = [];
  for (const owner of owners) {
    for (const row of rowsOf(owner)) {
      if (rows.length === rowsMax) return rows;
      rows.push(row);
    }
  }
  return rows;
}

function* rowsOf(owner: LockOwner): Generator<LockRow> {
  for (const lock of owner.keys) {
    yield rowOf(owner, "held", lock.mode, { kind: "key", key: lock.key });
  }
  for (const range of owner.ranges) {
    yield rowOf(owner, "held", range.mode, targetOf(range));
  }
  if (owner.wait !== undefined) {
    yield rowOf(owner, "waiting", owner.wait.mode, targetOf(owner.wait));
  }
}

function rowOf(
  owner: LockOwner,
  state: LockRow["state"],
  mode: LockMode,
  target: LockTarget,
): LockRow {
  const { id, age, prepared, wounded } = owner;
  return { owner: id, age, prepared, wounded, state, mode, target };
}

/** What is asked for, or held. */
export function targetOf(request: NonNullable<LockOwner["wait"]>): LockTarget {
  if (request.kind === "key") return { kind: "key", key: request.lock.key };
  return { kind: "range", start: request.start, end: request.end };
}

/** Who holds the key, by itself or as part of a range. */
export function describeHolders(locks: Locks, key: string): readonly LockRow[] {
  const rows: LockRow[] = [];
  const lock = locks.keys.find(key);
  for (const owner of lock?.holders() ?? []) {
    rows.push(rowOf(owner, "held", lock?.mode ?? "shared", { kind: "key", key }));
  }
  // Every hold conflicts with a write, so this visits all.
  locks.ranges.visitAgainst("exclusive", key, `${key}\0`, (range) => {
    if (!range.waiting) rows.push(rowOf(range.owner, "held", range.mode, targetOf(range)));
    return true;
  });
  return rows;
}
