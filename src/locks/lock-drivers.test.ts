/**
 * Drivers that behave: each runs transactions one after the other, aborts at once when wounded and
 * tries again with its first age. All get through, whatever the order of their steps.
 */

import { expect, test } from "vitest";
import { type Age, age } from "../base/ids.ts";
import type { LockEffect } from "./lock-effect.ts";
import type { LockMode } from "./lock-mode.ts";
import { type Owner, owner } from "./lock-owner.ts";
import { LockTable } from "./lock-table.ts";
import type { LockTarget } from "./lock-target.ts";
import { findCycle } from "./waits-for.ts";

interface Wish {
  readonly target: LockTarget;
  readonly mode: LockMode;
}

/** A transaction of a client: what it still wants in this attempt, and how it stands. */
interface Work {
  readonly age: Age;
  readonly wishes: readonly Wish[];
  owner: Owner;
  granted: number;
  attempts: number;
  state: "running" | "waiting" | "prepared";
}

const CLIENT_COUNT = 50;
const TRANSACTIONS_EACH = 20;
const STEPS_MAX = 500_000;

class Drivers {
  readonly table = new LockTable();
  readonly works = new Map<Owner, Work>();
  readonly #random: Random;
  #born = 0;
  #ownerCount = 0;
  committedCount = 0;
  attemptsMax = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  start(): void {
    const wishes = Array.from({ length: 1 + this.#random.below(6) }, () => this.#wish());
    this.#begin({
      age: age(++this.#born),
      wishes,
      owner: owner(0),
      granted: 0,
      attempts: 0,
      state: "running",
    });
  }

  #wish(): Wish {
    const key = String.fromCharCode(97 + this.#random.below(12));
    const end = String.fromCharCode(key.charCodeAt(0) + 1 + this.#random.below(4));
    const target: LockTarget =
      this.#random.below(8) === 0 ? { kind: "range", start: key, end } : { kind: "key", key };
    return { target, mode: this.#random.below(2) === 0 ? "shared" : "exclusive" };
  }

  #begin(work: Work): void {
    work.owner = owner(++this.#ownerCount);
    work.granted = 0;
    work.attempts++;
    work.state = "running";
    this.attemptsMax = Math.max(this.attemptsMax, work.attempts);
    this.works.set(work.owner, work);
    this.table.begin(work.owner, work.age);
  }

  /** One step of one transaction that can take one. */
  step(): void {
    const able = [...this.works.values()].filter((work) => work.state !== "waiting");
    const work = able[this.#random.below(able.length)];
    if (work === undefined) throw new Error("all wait and nobody can go on");

    const wish = work.wishes[work.granted];
    if (wish !== undefined) this.#ask(work, wish);
    else if (work.state === "running" && this.#random.below(3) === 0) {
      this.table.prepare(work.owner);
      work.state = "prepared";
    } else this.#commit(work);
  }

  #ask(work: Work, { target, mode }: Wish): void {
    for (const effect of this.table.request(work.owner, target, mode)) this.#perform(effect, work);
  }

  #perform(effect: LockEffect, asker: Work | undefined): void {
    if (effect.kind === "granted" && asker !== undefined) asker.granted++;
    if (effect.kind === "waiting" && asker !== undefined) asker.state = "waiting";
    if (effect.kind === "wound") this.#abort(this.#work(effect.victim));
    if (effect.kind === "grant") {
      const work = this.#work(effect.owner);
      expect(work.state, "who is granted was waiting").toBe("waiting");
      work.state = "running";
      work.granted++;
    }
  }

  #abort(victim: Work): void {
    expect(victim.state, "a prepared transaction is never wounded").not.toBe("prepared");
    expect(victim.age, "the oldest is never wounded").not.toBe(this.oldest().age);
    this.#release(victim);
    this.#begin(victim);
  }

  #commit(work: Work): void {
    this.#release(work);
    this.committedCount++;
    if (this.#born < CLIENT_COUNT * TRANSACTIONS_EACH) this.start();
  }

  #release(work: Work): void {
    this.works.delete(work.owner);
    for (const effect of this.table.release(work.owner)) this.#perform(effect, undefined);
  }

  #work(id: Owner): Work {
    const work = this.works.get(id);
    if (work === undefined) throw new Error(`nobody is ${id}`);
    return work;
  }

  oldest(): Work {
    return [...this.works.values()].reduce((left, right) => (left.age < right.age ? left : right));
  }

  /** The oldest waits for those that promised to commit, and for nobody else. */
  checkOldest(): void {
    for (const { blocker } of this.table.blockersOf(this.oldest().owner)) {
      expect(this.#work(blocker).state).toBe("prepared");
    }
  }
}

/** Xorshift: the same numbers from the same seed. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }
}

for (const seed of [1, 2, 3]) {
  test(`fifty clients all get through (seed ${seed})`, () => {
    const drivers = new Drivers(seed);
    for (let client = 0; client < CLIENT_COUNT; client++) drivers.start();

    let steps = 0;
    while (drivers.works.size > 0) {
      expect(++steps, "nobody starves").toBeLessThan(STEPS_MAX);
      drivers.step();
      if (drivers.works.size > 0) drivers.checkOldest();
      if (steps % 50 === 0) expect(findCycle(drivers.table.waitsFor())).toBeUndefined();
    }
    expect(drivers.committedCount).toBe(CLIENT_COUNT * TRANSACTIONS_EACH);
    expect(drivers.attemptsMax, "the load is one that wounds").toBeGreaterThan(2);
    expect(drivers.table.isEmpty).toBe(true);
  });
}
