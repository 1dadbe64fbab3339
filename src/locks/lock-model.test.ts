/**
 * The lock table beside a model of it: two lists, searched whole. Whatever is asked of both, they
 * give the same effects and tell the same of who holds, who waits for whom, and what conflicts.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import { fromLatin1, hashBytes } from "../base/bytes.ts";
import { age } from "../base/ids.ts";
import type { LockEffect } from "./lock-effect.ts";
import type { LockMode } from "./lock-mode.ts";
import { type Owner, owner } from "./lock-owner.ts";
import { LockTable } from "./lock-table.ts";
import type { LockTarget } from "./lock-target.ts";
import { findCycle } from "./waits-for.ts";

interface Claim {
  readonly owner: Owner;
  readonly target: LockTarget;
  readonly mode: LockMode;
}

/** Owners are their own ages here: a smaller number is older. */
class LockModel {
  readonly prepared = new Set<Owner>();
  readonly wounded = new Set<Owner>();
  holds: readonly Claim[] = [];
  waits: readonly Claim[] = [];

  request(claim: Claim): readonly LockEffect[] {
    if (this.blockers(claim).length === 0) {
      this.holds = [...this.holds, claim];
      return [{ kind: "granted" }];
    }
    this.waits = [...this.waits, claim];
    const victims = this.holds
      .filter((hold) => conflicts(hold, claim) && claim.owner < hold.owner)
      .map((hold) => hold.owner)
      .filter((holder) => !this.prepared.has(holder) && !this.wounded.has(holder));
    const wounds = sorted(victims).map((victim) => {
      this.wounded.add(victim);
      const { owner: by, target, mode } = claim;
      return { kind: "wound", victim, by, target, mode } as const;
    });
    return [{ kind: "waiting" }, ...wounds];
  }

  cancel(id: Owner): readonly LockEffect[] {
    this.waits = this.waits.filter((wait) => wait.owner !== id);
    return this.#grants();
  }

  release(id: Owner): readonly LockEffect[] {
    this.holds = this.holds.filter((hold) => hold.owner !== id);
    this.wounded.delete(id);
    this.prepared.delete(id);
    return this.cancel(id);
  }

  blockers(claim: Claim): readonly Owner[] {
    const older = this.waits.filter((wait) => wait.owner < claim.owner);
    const inTheWay = [...this.holds, ...older].filter((other) => conflicts(other, claim));
    return sorted(inTheWay.map((other) => other.owner));
  }

  #grants(): readonly LockEffect[] {
    return sorted(this.waits.map((wait) => wait.owner))
      .filter((waiter) => !this.wounded.has(waiter) && this.#grant(waiter))
      .map((waiter) => ({ kind: "grant", owner: waiter }));
  }

  #grant(waiter: Owner): boolean {
    const claim = this.waits.find((wait) => wait.owner === waiter);
    if (claim === undefined || this.blockers(claim).length > 0) return false;
    this.waits = this.waits.filter((wait) => wait !== claim);
    this.holds = [...this.holds, claim];
    return true;
  }
}

function conflicts(left: Claim, right: Claim): boolean {
  const bothShare = left.mode === "shared" && right.mode === "shared";
  return left.owner !== right.owner && !bothShare && overlap(left.target, right.target);
}

function overlap(left: LockTarget, right: LockTarget): boolean {
  return startsWithin(left, right) || startsWithin(right, left);
}

/** The first key of `left` is one of `right`. */
function startsWithin(left: LockTarget, right: LockTarget): boolean {
  const first = left.kind === "key" ? left.key : left.start;
  if (right.kind === "key") return first === right.key;
  return right.start <= first && (right.end === undefined || first < right.end);
}

function sorted(owners: readonly Owner[]): readonly Owner[] {
  return [...new Set(owners)].toSorted((left, right) => left - right);
}

const KEYS = ["", "a", "a\0", "ab", "b", "c", "\x7f", "\x80", "\xff"];
const OWNERS = [1, 2, 3, 4, 5, 6].map(owner);
const MODES: readonly LockMode[] = ["shared", "exclusive"];

const anyKey = fc.constantFrom(...KEYS);
const anyTarget: fc.Arbitrary<LockTarget> = fc.oneof(
  { weight: 3, arbitrary: anyKey.map((key) => ({ kind: "key", key }) as const) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(anyKey, fc.option(anyKey, { nil: undefined }))
      .filter(([start, end]) => end === undefined || start < end)
      .map(([start, end]) => ({ kind: "range", start, end }) as const),
  },
);

const anyAction = fc.record({
  what: fc.oneof(
    { weight: 8, arbitrary: fc.constant("request" as const) },
    { weight: 2, arbitrary: fc.constant("release" as const) },
    { weight: 1, arbitrary: fc.constant("cancel" as const) },
    { weight: 1, arbitrary: fc.constant("prepare" as const) },
  ),
  who: fc.constantFrom(...OWNERS),
  target: anyTarget,
  mode: fc.constantFrom(...MODES),
  /** Victims may be released in any order, as long as it is in the turn of their wound. */
  lastVictimFirst: fc.boolean(),
});
type Action = typeof anyAction extends fc.Arbitrary<infer T> ? T : never;

/** Both at once, with what a driver must do: release the victims before anything else happens. */
class Pair {
  readonly table = new LockTable();
  readonly model = new LockModel();
  readonly begun = new Set<Owner>();

  run(action: Action): void {
    const { what, who } = action;
    if (what === "request") this.#request(action);
    else if (!this.begun.has(who)) return;
    else if (what === "release") this.#release(who);
    else if (what === "cancel") {
      expect(this.table.cancel(who)).toEqual(this.model.cancel(who));
    } else if (!this.#isWaiting(who)) {
      this.table.prepare(who);
      this.model.prepared.add(who);
    }
  }

  #request({ who, target, mode, lastVictimFirst }: Action): void {
    if (this.model.prepared.has(who) || this.#isWaiting(who)) return;
    if (!this.begun.has(who)) this.table.begin(who, age(who));
    this.begun.add(who);

    const effects = this.table.request(who, target, mode);
    expect(effects).toEqual(this.model.request({ owner: who, target, mode }));
    const victims = effects.flatMap((effect) => (effect.kind === "wound" ? [effect.victim] : []));
    for (const victim of lastVictimFirst ? victims.toReversed() : victims) this.#release(victim);
  }

  #release(who: Owner): void {
    this.begun.delete(who);
    expect(this.table.release(who)).toEqual(this.model.release(who));
  }

  #isWaiting(who: Owner): boolean {
    return this.model.waits.some((wait) => wait.owner === who);
  }

  checkInvariants(): void {
    const { holds, waits, prepared } = this.model;
    for (const hold of holds) {
      expect(holds.filter((other) => conflicts(hold, other))).toEqual([]);
    }
    for (const wait of waits) {
      const blockers = this.model.blockers(wait);
      expect(blockers, "who waits waits for somebody").not.toEqual([]);
      const mayBlock = (other: Owner) => other < wait.owner || prepared.has(other);
      expect(blockers.filter((other) => !mayBlock(other))).toEqual([]);
    }
    expect(findCycle(this.table.waitsFor())).toBeUndefined();
  }

  checkViews(): void {
    expect(this.table.isEmpty).toBe(this.model.holds.length + this.model.waits.length === 0);
    const edges = this.table.waitsFor().map(({ waiter, blocker }) => [waiter, blocker]);
    const waits = this.model.waits.toSorted((left, right) => left.owner - right.owner);
    expect(edges).toEqual(
      waits.flatMap((wait) => this.model.blockers(wait).map((other) => [wait.owner, other])),
    );
    for (const key of KEYS) this.#checkHolders(key);
  }

  #checkHolders(key: string): void {
    const rows = this.table.holders(key).map((row) => `${row.owner} ${row.mode}`);
    const strongest = new Map<Owner, LockMode>();
    for (const hold of this.model.holds) {
      if (!overlap(hold.target, { kind: "key", key })) continue;
      if (strongest.get(hold.owner) !== "exclusive") strongest.set(hold.owner, hold.mode);
    }
    for (const [holder, mode] of strongest) expect(rows).toContain(`${holder} ${mode}`);
    expect(sorted(this.table.holders(key).map((row) => row.owner))).toEqual(
      sorted([...strongest.keys()]),
    );
  }

  checkConflicts(target: LockTarget): void {
    for (const mode of MODES) {
      for (const except of [undefined, ...this.begun]) {
        expect(tableConflicts(this.table, target, mode, except)).toBe(
          this.#modelConflicts(target, mode, except),
        );
      }
    }
  }

  #modelConflicts(target: LockTarget, mode: LockMode, except: Owner | undefined): boolean {
    const { holds, waits } = this.model;
    const claim = { owner: except ?? owner(0), target, mode };
    if (holds.some((hold) => conflicts(hold, claim))) return true;
    return mode === "exclusive" && waits.some((wait) => conflicts(wait, claim));
  }
}

function tableConflicts(
  table: LockTable,
  target: LockTarget,
  mode: LockMode,
  except: Owner | undefined,
): boolean {
  if (target.kind === "range") {
    const end = target.end === undefined ? undefined : fromLatin1(target.end);
    return table.conflictsWithRange(fromLatin1(target.start), end, mode, except);
  }
  // The key is asked for within a larger buffer, as it comes from a connection.
  const key = fromLatin1(target.key);
  const buffer = fromLatin1(`<${target.key}>`);
  const hash = hashBytes(key, 0, key.length);
  return table.conflictsWithKey(hash, buffer, 1, key.length, mode, except);
}

test("the table does as two plain lists would", () => {
  fc.assert(
    fc.property(fc.array(anyAction, { maxLength: 60 }), (actions) => {
      const pair = new Pair();
      for (const action of actions) {
        pair.run(action);
        pair.checkInvariants();
        pair.checkViews();
        pair.checkConflicts(action.target);
      }
      for (const who of pair.begun) pair.table.release(who);
      expect(pair.table.isEmpty).toBe(true);
      expect(pair.table.describe(10)).toEqual([]);
    }),
    { seed: 20, numRuns: 400 },
  );
});
