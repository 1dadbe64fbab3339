/**
 * Drives the lock table: performs its effects, wakes who was granted, and aborts who was wounded,
 * all in the turn in which the table says so.
 */

import { must } from "../base/assert.ts";
import { fromLatin1, latin1 } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import type { Age } from "../base/ids.ts";
import { NumberMap } from "../base/number-map.ts";
import type { LockEffect, WoundEffect } from "../locks/lock-effect.ts";
import type { LockMode } from "../locks/lock-mode.ts";
import { type Owner, owner } from "../locks/lock-owner.ts";
import { LockTable } from "../locks/lock-table.ts";
import type { LockTarget } from "../locks/lock-target.ts";
import type { RowSpaces } from "../base/row-spaces.ts";
import type { StepLocks } from "./run-step.ts";

/** Who may hold locks: a transaction that can be granted and aborted. */
export interface LockHolder {
  readonly age: number;
  readonly attempts: number;
  /** Whether what it asked for last is its own. */
  isGranted: boolean;
  granted(): void;
  wounded(reason: Fault): void;
}

export class TransactionLocks {
  readonly table: LockTable;
  readonly #rows: RowSpaces;
  readonly #holders = new NumberMap<LockHolder>();
  #nextOwner = 1;
  woundCount = 0;

  constructor(locksPerTransactionMax: number, rows: RowSpaces) {
    this.#rows = rows;
    this.table = new LockTable({ locksPerTransactionMax });
  }

  get holderCount(): number {
    return this.#holders.size;
  }

  begin(holder: LockHolder): Owner {
    const id = owner(this.#nextOwner++);
    this.table.begin(id, holder.age as Age);
    this.#holders.set(id, holder);
    return id;
  }

  /** Whether the lock is held when this returns; if not, `granted` or `wounded` will be called. */
  request(id: Owner, target: LockTarget, mode: LockMode): boolean {
    const effects = this.table.request(id, target, mode);
    if (effects[0]?.kind === "granted") return true;
    const holder = must(this.#holders.get(id), "who asks for a lock has begun");
    holder.isGranted = false;
    // A wound may free the lock at once, and then nobody has to wait.
    this.#perform(effects);
    return holder.isGranted;
  }

  /** What the owner waits for, and for whom, in words. One that has ended waits for nothing. */
  describeWait(id: Owner): string | undefined {
    if (!this.#holders.has(id)) return undefined;
    const target = this.table.waitOf(id);
    if (target === undefined) return undefined;
    const others = this.table.blockersOf(id).map(({ blocker, because }) => {
      return `transaction ${this.#holders.get(blocker)?.age ?? "elsewhere"} ${because}`;
    });
    const [first = "nobody holds"] = others;
    const more = others.length > 1 ? ` (and ${others.length - 1} more in the way)` : "";
    const age = this.#holders.get(id)?.age;
    return first.endsWith("holds")
      ? `${nameOf(target, this.#rows)}, which ${first}${more},`
      : `${nameOf(target, this.#rows)} behind ${first} than transaction ${age}${more},`;
  }

  cancel(id: Owner): void {
    this.#perform(this.table.cancel(id));
  }

  release(id: Owner): void {
    if (!this.#holders.delete(id)) return;
    this.#perform(this.table.release(id));
  }

  #perform(effects: readonly LockEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === "grant") this.#holders.get(effect.owner)?.granted();
      else if (effect.kind === "wound") this.#wound(effect);
    }
  }

  #wound(effect: WoundEffect): void {
    const victim = this.#holders.get(effect.victim);
    if (victim === undefined) return;
    this.woundCount++;
    const by = this.#holders.get(effect.by);
    victim.wounded(wounded(effect, victim, by, this.#rows));
  }
}

/** What a body outside any transaction may do: read everything, and write what nobody holds. */
export class InstantLocks implements StepLocks {
  readonly #table: LockTable;

  constructor(table: LockTable) {
    this.#table = table;
  }

  lockKey(hash: number, key: Uint8Array, at: number, length: number, mode: LockMode): boolean {
    if (mode === "shared" || this.#table.isEmpty) return true;
    return !this.#table.conflictsWithKey(hash, key, at, length, "exclusive");
  }

  lockRange(start: Uint8Array, end: Uint8Array | undefined, mode: LockMode): boolean {
    if (mode === "shared" || this.#table.isEmpty) return true;
    return !this.#table.conflictsWithRange(start, end, "exclusive");
  }
}

/** A snapshot locks nothing: nobody can change it. */
export const NO_LOCKS: StepLocks = {
  lockKey: () => true,
  lockRange: () => true,
};

export function keyTarget(key: Uint8Array, at: number, length: number): LockTarget {
  return { kind: "key", key: latin1(key, at, length) };
}

export function rangeTarget(start: Uint8Array, end: Uint8Array | undefined): LockTarget {
  return { kind: "range", start: latin1(start), end: end === undefined ? undefined : latin1(end) };
}

function wounded(
  effect: WoundEffect,
  victim: LockHolder,
  by: LockHolder | undefined,
  rows: RowSpaces,
): Fault {
  const { target } = effect;
  return new Fault(
    "ERR_ABORTED",
    `Transaction ${victim.age} gave way to the older transaction ${by?.age ?? "elsewhere"}, ` +
      `which needs ${nameOf(target, rows)} (attempt ${victim.attempts + 1}): try again, with ` +
      "the age of this attempt",
    { key: keyOf(target), transaction: victim.age, other: by?.age, attempts: victim.attempts + 1 },
  );
}

function nameOf(target: LockTarget, rows: RowSpaces): string {
  const what = target.kind === "key" ? "the key" : "keys from";
  return `${what} ${rows.nameOf(keyOf(target))}`;
}

function keyOf(target: LockTarget): Uint8Array {
  return fromLatin1(target.kind === "key" ? target.key : target.start);
}
