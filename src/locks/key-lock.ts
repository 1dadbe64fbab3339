/**
 * The lock of one key: who holds it, and who waits for it.
 *
 * 1. The holders all share it, or there is one and it excludes the others.
 * 2. The waits are in order of age, the oldest first. Each stands behind the older ones that it
 *    conflicts with, and never behind a younger one, so a queue never makes anybody a victim.
 *
 * Nearly every lock has one holder and no queue, so the set and the list are made on demand.
 */

import { assert } from "../base/assert.ts";
import type { LockOwner } from "./lock-owner.ts";
import { type LockMode, compatible } from "./lock-mode.ts";

export interface KeyWait {
  readonly kind: "key";
  readonly owner: LockOwner;
  readonly mode: LockMode;
  readonly lock: KeyLock;
}

export class KeyLock {
  readonly key: string;
  readonly hash: number;
  /** Its place among the locks that are not in order yet, or -1. For `KeyLocks` alone. */
  unorderedAt = -1;
  #mode: LockMode = "shared";
  /** The holder, if there is one; one of `#holders`, if there are several. */
  #holder: LockOwner | undefined = undefined;
  #holders: Set<LockOwner> | undefined = undefined;
  #waits: KeyWait[] | undefined = undefined;

  constructor(key: string, hash: number) {
    this.key = key;
    this.hash = hash;
  }

  /** As an interval of keys; see interval-tree.ts. */
  get start(): string {
    return this.key;
  }

  get end(): string {
    return this.key;
  }

  get serial(): number {
    return 0;
  }

  get isFree(): boolean {
    return this.#holder === undefined && this.#waits === undefined;
  }

  /** The mode in which `owner` holds it, if it does. */
  modeOf(owner: LockOwner): LockMode | undefined {
    const holds = this.#holders === undefined ? this.#holder === owner : this.#holders.has(owner);
    return holds ? this.#mode : undefined;
  }

  hold(owner: LockOwner, mode: LockMode): void {
    const alone = this.#holders === undefined && (this.#holder ?? owner) === owner;
    assert(alone || compatible(this.#mode, mode), "holders of one key do not conflict");

    if (alone) this.#holder = owner;
    else this.#share(owner);
    this.#mode = mode;
  }

  #share(owner: LockOwner): void {
    if (this.#holders === undefined) {
      assert(this.#holder !== undefined, "a lock is shared with a holder");
      this.#holders = new Set([this.#holder]);
    }
    this.#holders.add(owner);
  }

  letGo(owner: LockOwner): void {
    if (this.#holders === undefined) {
      assert(this.#holder === owner, "only a holder lets go");
      this.#holder = undefined;
      return;
    }
    assert(this.#holders.delete(owner), "only a holder lets go");
    for (const first of this.#holders) {
      this.#holder = first;
      break;
    }
    if (this.#holders.size === 1) this.#holders = undefined;
  }

  enqueue(wait: KeyWait): void {
    this.#waits ??= [];
    this.#waits.splice(this.#placeOf(wait.owner), 0, wait);
  }

  dequeue(wait: KeyWait): void {
    const at = this.#waits?.indexOf(wait) ?? -1;
    assert(at !== -1, "only what waits can stop waiting");
    this.#waits?.splice(at, 1);
    if (this.#waits?.length === 0) this.#waits = undefined;
  }

  /** How many of those that wait are older: most that come are younger than all. */
  #placeOf(owner: LockOwner): number {
    return this.waits().findLastIndex((wait) => wait.owner.isOlderThan(owner)) + 1;
  }

  /**
   * Somebody for whom `owner` must wait to have this key in `mode`: the youngest of the older ones
   * that wait, so that a long queue moves up one by one; else a holder.
   */
  blockerOf(owner: LockOwner, mode: LockMode): LockOwner | undefined {
    return this.#olderWait(owner, mode)?.owner ?? this.#holderAgainst(owner, mode);
  }

  #olderWait(owner: LockOwner, mode: LockMode): KeyWait | undefined {
    return this.waits().findLast(
      (wait) =>
        wait.owner !== owner && !compatible(wait.mode, mode) && wait.owner.isOlderThan(owner),
    );
  }

  #holderAgainst(owner: LockOwner | undefined, mode: LockMode): LockOwner | undefined {
    if (this.#holder === undefined || compatible(this.#mode, mode)) return undefined;
    if (this.#holder !== owner) return this.#holder;
    if (this.#holders === undefined) return undefined;
    for (const other of this.#holders) if (other !== owner) return other;
    return undefined;
  }

  /** Visits everybody for whom `owner` must wait: holders first, then the waits of older ones. */
  visitBlockers(
    owner: LockOwner,
    mode: LockMode,
    visit: (blocker: LockOwner, waits: boolean) => void,
  ): void {
    if (!compatible(this.#mode, mode)) {
      for (const holder of this.holders()) if (holder !== owner) visit(holder, false);
    }
    for (const wait of this.waits()) {
      const inFront = wait.owner !== owner && wait.owner.isOlderThan(owner);
      if (inFront && !compatible(wait.mode, mode)) visit(wait.owner, true);
    }
  }

  /** Whether anybody but `owner` holds it against `mode` or, for a write, waits for it. */
  conflictsWith(owner: LockOwner | undefined, mode: LockMode): boolean {
    if (this.#holderAgainst(owner, mode) !== undefined) return true;
    return mode === "exclusive" && this.waits().some((wait) => wait.owner !== owner);
  }

  holders(): Iterable<LockOwner> {
    if (this.#holders !== undefined) return this.#holders;
    return this.#holder === undefined ? [] : [this.#holder];
  }

  waits(): readonly KeyWait[] {
    return this.#waits ?? NO_WAITS;
  }

  get mode(): LockMode {
    return this.#mode;
  }
}

const NO_WAITS: readonly KeyWait[] = [];
