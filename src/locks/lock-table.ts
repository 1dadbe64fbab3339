/**
 * The lock table: strict two-phase locking of keys and ranges, without deadlock and without
 * starvation. It guarantees that
 *
 *  1. no two owners hold what conflicts: the same key, or a key and a range that has it, or
 *     ranges that overlap, unless both only share it;
 *  2. an owner keeps all it was granted until its one `release`;
 *  3. a request waits only for older owners, for prepared ones, and for those it has wounded. So
 *     no cycle of waits can form, here or across tables that know the same ages;
 *  4. a prepared owner is never wounded;
 *  5. every request that waits is granted as soon as nobody is in its way. As long as drivers
 *     obey wounds and prepared owners are released in the end, the oldest of all always gets what
 *     it asks for; and a transaction that keeps its age over its attempts becomes the oldest.
 *
 * This is wound-wait. A request wounds the younger, unprepared holders it would have to wait for.
 * Queues are in order of age, not of arrival, so nobody waits behind a younger one that waits and
 * there are no such victims: a request may overtake younger ones, which then wait for an older
 * owner, as they may. For the same reason a grant gives nobody a younger owner to wait for, and
 * the rule holds after it as before. One who shares a lock and wants it for itself goes ahead of
 * the queue: all that wait for that lock wait for its sharers too, and are younger or had wounded
 * it.
 *
 * It does no I/O and reads no clock. The driver performs the effects in order. It aborts the
 * victim of a wound, and releases it, in the turn in which it is told; the victim's wait, if it
 * has one, keeps its place until then, but is not granted any more.
 *
 * Transactions that run from start to end in one turn need not enter: they only ask whether what
 * they touch conflicts with anybody (`conflictsWithKey`), which for an unlocked key costs a hash.
 *
 * Costs: a lock and its release take constant time for a key among unlocked ones, O(log n) for a
 * range; what is contended adds the number of conflicting locks that it overlaps.
 */

import { assert, must } from "../base/assert.ts";
import { latin1 } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import type { Age } from "../base/ids.ts";
import { NumberMap } from "../base/number-map.ts";
import {
  type LockRequest,
  type Locks,
  blockerOf,
  blockerOfKey,
  conflictsWithKey,
  conflictsWithRange,
  visitBlockers,
} from "./blockers.ts";
import { KeyLocks } from "./key-locks.ts";
import { GRANTED, type GrantEffect, type LockEffect, type WoundEffect } from "./lock-effect.ts";
import { type LockMode, includes } from "./lock-mode.ts";
import { LockOwner, type Owner } from "./lock-owner.ts";
import { type LockRow, describeHolders, describeOwners, targetOf } from "./lock-rows.ts";
import type { LockTarget } from "./lock-target.ts";
import { RangeLocks } from "./range-locks.ts";
import { type WaitsForEdge, waitsForEdges } from "./waits-for.ts";

export interface LockTableOptions {
  /** A transaction that asks for more is refused with `ERR_LIMIT`. */
  readonly locksPerTransactionMax: number;
}

export const defaultLockTableOptions: LockTableOptions = { locksPerTransactionMax: 100_000 };

/** How many of its own ranges an owner looks at before it takes another lock. */
const OWN_RANGES_MAX = 16;

export class LockTable {
  readonly #locksPerTransactionMax: number;
  readonly #owners = new NumberMap<LockOwner>();
  readonly #keys: KeyLocks = new KeyLocks();
  readonly #ranges: RangeLocks = new RangeLocks();
  readonly #locks: Locks = { keys: this.#keys, ranges: this.#ranges };

  constructor(options: LockTableOptions = defaultLockTableOptions) {
    assert(0 < options.locksPerTransactionMax, "a transaction needs a lock");
    this.#locksPerTransactionMax = options.locksPerTransactionMax;
  }

  /** Nobody holds a lock or waits for one. */
  get isEmpty(): boolean {
    return this.#keys.size === 0 && this.#ranges.size === 0;
  }

  /** Lets `id` own locks, until it is released. No two that do so are of one age. */
  begin(id: Owner, age: Age): void {
    assert(!this.#owners.has(id), "a transaction begins once");
    this.#owners.set(id, new LockOwner(id, age));
  }

  /** From here on the owner is not wounded any more, and may ask for nothing. */
  prepare(id: Owner): void {
    const owner = this.#find(id);
    assert(!owner.wounded, "a wounded transaction cannot promise to commit");
    assert(owner.wait === undefined, "who promises to commit has all its locks");
    owner.prepared = true;
  }

  /** Whether it was wounded and is still to be released. */
  isWounded(id: Owner): boolean {
    return this.#find(id).wounded;
  }

  /**
   * Asks for a lock. The answer is `granted`; or `waiting`, and the wounds that the request dealt,
   * the oldest victim first.
   */
  request(id: Owner, target: LockTarget, mode: LockMode): readonly LockEffect[] {
    const owner = this.#find(id);
    assert(owner.wait === undefined, "an owner waits for one thing at a time");
    assert(!owner.prepared && !owner.wounded, "who must end asks for nothing more");
    if (target.kind === "key") return this.#requestKey(owner, target.key, mode);

    assert(target.end === undefined || target.start < target.end, "a range has room for a key");
    return this.#requestRange(owner, target.start, target.end, mode);
  }

  /** Ends the wait of an owner, which keeps what it holds. Returns the grants this enables. */
  cancel(id: Owner): readonly GrantEffect[] {
    const owner = this.#find(id);
    if (owner.wait === undefined) return [];
    this.#stopWaiting(owner);
    return this.#regrant(owner);
  }

  /** Ends the owner and all it held or waited for. Returns the grants this enables. */
  release(id: Owner): readonly GrantEffect[] {
    const owner = this.#find(id);
    this.#owners.delete(id);
    if (owner.wait !== undefined) this.#stopWaiting(owner);
    for (const lock of owner.keys) {
      lock.letGo(owner);
      this.#keys.dropIfFree(lock);
    }
    for (const range of owner.ranges) this.#ranges.drop(range);
    return this.#regrant(owner);
  }

  /**
   * Whether anybody but `except` holds what conflicts with reading or writing this key or, for a
   * write, waits for it. `hash` is `hashBytes` of the key. Allocates nothing if no locked key has
   * that hash and no range is locked.
   */
  conflictsWithKey(
    hash: number,
    bytes: Uint8Array,
    at: number,
    length: number,
    mode: LockMode,
    except?: Owner,
  ): boolean {
    if (this.#ranges.size === 0 && !this.#keys.mayHave(hash)) return false;
    const owner = except === undefined ? undefined : this.#find(except);
    return conflictsWithKey(this.#locks, latin1(bytes, at, length), mode, owner);
  }

  /** The same for the range from `start` up to, not including, `end`, or to the last key. */
  conflictsWithRange(
    start: Uint8Array,
    end: Uint8Array | undefined,
    mode: LockMode,
    except?: Owner,
  ): boolean {
    if (this.isEmpty) return false;
    const owner = except === undefined ? undefined : this.#find(except);
    const range = { start: latin1(start), end: end === undefined ? undefined : latin1(end) };
    return conflictsWithRange(this.#locks, range, mode, owner);
  }

  /** Who waits for whom, the oldest that waits first. */
  waitsFor(): readonly WaitsForEdge[] {
    const waiting = this.#owners.values().filter((owner) => owner.wait !== undefined);
    return waitsForEdges(
      this.#locks,
      waiting.toSorted((left, right) => left.age - right.age),
    );
  }

  /** What this one waits for. */
  waitOf(id: Owner): LockTarget | undefined {
    const { wait } = this.#find(id);
    return wait === undefined ? undefined : targetOf(wait);
  }

  /** Whom this one waits for. */
  blockersOf(id: Owner): readonly WaitsForEdge[] {
    return waitsForEdges(this.#locks, [this.#find(id)]);
  }

  /** Who holds the key, by itself or as part of a range. */
  holders(key: string): readonly LockRow[] {
    return describeHolders(this.#locks, key);
  }

  /** What is held and waited for, owner by owner in their order: at most `rowsMax` rows. */
  describe(rowsMax: number): readonly LockRow[] {
    return describeOwners(this.#owners.values(), rowsMax);
  }

  #find(id: Owner): LockOwner {
    return must(this.#owners.get(id), "owners begin before they ask and end with their release");
  }

  #requestKey(owner: LockOwner, key: string, mode: LockMode): readonly LockEffect[] {
    const known = this.#keys.find(key);
    const held = known?.modeOf(owner);
    if (held !== undefined && includes(held, mode)) return GRANTED;
    if (ownRangeHas(owner, mode, key, key)) return GRANTED;
    if (held === undefined) this.#refuseTooMany(owner);

    const blocker = blockerOfKey(this.#locks, { key, lock: known }, owner, mode);
    const lock = this.#keys.use(key, known);
    if (blocker === undefined) {
      lock.hold(owner, mode);
      if (held === undefined) owner.keys.push(lock);
      return GRANTED;
    }
    const wait = { kind: "key", owner, mode, lock } as const;
    lock.enqueue(wait);
    return this.#startWaiting(wait, blocker);
  }

  #requestRange(
    owner: LockOwner,
    start: string,
    end: string | undefined,
    mode: LockMode,
  ): readonly LockEffect[] {
    if (ownRangeHas(owner, mode, start, end)) return GRANTED;
    this.#refuseTooMany(owner);

    const range = this.#ranges.add({ owner, mode, start, end });
    const blocker = blockerOf(this.#locks, range);
    if (blocker !== undefined) return this.#startWaiting(range, blocker);
    range.waiting = false;
    owner.ranges.push(range);
    return GRANTED;
  }

  #refuseTooMany(owner: LockOwner): void {
    if (owner.lockCount < this.#locksPerTransactionMax) return;
    throw new Fault(
      "ERR_LIMIT",
      `a transaction may hold ${this.#locksPerTransactionMax} locks: raise ` +
        '"locksPerTransactionMax", or do less in one transaction',
      { setting: "locksPerTransactionMax", owner: owner.id, locks: owner.lockCount },
    );
  }

  #startWaiting(request: LockRequest, blocker: LockOwner): readonly LockEffect[] {
    request.owner.wait = request;
    request.owner.watch(blocker);
    return [{ kind: "waiting" }, ...this.#wound(request)];
  }

  #wound(request: LockRequest): readonly WoundEffect[] {
    const victims = new Set<LockOwner>();
    visitBlockers(this.#locks, request, (blocker, waits) => {
      if (!waits && isVictim(blocker, request.owner)) victims.add(blocker);
    });
    if (victims.size === 0) return [];

    const { owner, mode } = request;
    const target = targetOf(request);
    return [...victims]
      .toSorted((left, right) => left.age - right.age)
      .map((victim) => {
        victim.wounded = true;
        return { kind: "wound", victim: victim.id, by: owner.id, target, mode };
      });
  }

  #stopWaiting(owner: LockOwner): void {
    const wait = must(owner.wait, "only who waits can stop");
    owner.unwatch();
    owner.wait = undefined;
    if (wait.kind === "range") this.#ranges.drop(wait);
    else {
      wait.lock.dequeue(wait);
      this.#keys.dropIfFree(wait.lock);
    }
  }

  /** Looks again at all that were kept waiting by `owner`, which has let go of something. */
  #regrant(owner: LockOwner): readonly GrantEffect[] {
    const grants: GrantEffect[] = [];
    for (const watcher of owner.dismissWatchers()) {
      if (watcher.wounded) continue;
      const wait = must(watcher.wait, "only who waits watches another");
      const blocker = blockerOf(this.#locks, wait);
      if (blocker !== undefined) watcher.watch(blocker);
      else grants.push(grant(wait));
    }
    return grants;
  }
}

/** Whether a range that the owner holds makes another lock superfluous. */
function ownRangeHas(
  owner: LockOwner,
  mode: LockMode,
  start: string,
  end: string | undefined,
): boolean {
  // One that is missed here costs a lock more and changes nothing else, so only a few are tried.
  const { ranges } = owner;
  const first = Math.max(0, ranges.length - OWN_RANGES_MAX);
  for (let index = ranges.length - 1; first <= index; index--) {
    const range = must(ranges[index], "the index is within the list");
    if (!includes(range.mode, mode) || start < range.start) continue;
    if (range.end === undefined) return true;
    if (end !== undefined && start < range.end && end <= range.end) return true;
  }
  return false;
}

function isVictim(blocker: LockOwner, by: LockOwner): boolean {
  return !blocker.prepared && !blocker.wounded && by.isOlderThan(blocker);
}

function grant(wait: LockRequest): GrantEffect {
  const { owner } = wait;
  owner.wait = undefined;
  if (wait.kind === "range") {
    wait.waiting = false;
    owner.ranges.push(wait);
  } else {
    wait.lock.dequeue(wait);
    if (wait.lock.modeOf(owner) === undefined) owner.keys.push(wait.lock);
    wait.lock.hold(owner, wait.mode);
  }
  return { kind: "grant", owner: owner.id };
}
