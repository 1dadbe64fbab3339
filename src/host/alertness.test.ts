import { expect, test } from "vitest";
import { Alertness, AWAKE_MS } from "./alertness.ts";

/** A loop that comes round only when told to, and counts how often it was kept from sleeping. */
class Loop {
  readonly alertness: Alertness = new Alertness(this);
  roundCount = 0;
  #nowMs = 1;
  #due: (() => void)[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  soon(fire: () => void): void {
    this.#due.push(fire);
    this.roundCount++;
  }

  pass(ms: number): void {
    this.#nowMs += ms;
    for (const fire of this.#due.splice(0)) fire();
  }

  /** One question, so long after the last answer, and its answer, which takes a time too. */
  exchange(afterMs: number, takingMs = 0): void {
    this.pass(afterMs);
    this.alertness.heard();
    if (0 < takingMs) this.pass(takingMs);
    this.alertness.answered();
  }
}

test("the loop stays awake for who asked again at once, and no longer than said", () => {
  const loop = new Loop();
  loop.exchange(1);
  expect(loop.roundCount).toBe(0);
  loop.exchange(AWAKE_MS / 2);
  expect(loop.roundCount).toBe(1);
  for (let round = 0; round < 10; round++) loop.pass(AWAKE_MS * 0.3);
  expect(loop.roundCount).toBe(4);
});

test("who took long is not waited for, until asking at once again", () => {
  const loop = new Loop();
  for (let count = 0; count < 5; count++) loop.exchange(AWAKE_MS * 2);
  expect(loop.roundCount).toBe(0);
  loop.exchange(AWAKE_MS / 2);
  expect(loop.roundCount).toBe(1);
});

test("after an answer that took long the loop sleeps, also for who asks again at once", () => {
  const loop = new Loop();
  loop.exchange(1);
  for (let count = 0; count < 5; count++) loop.exchange(AWAKE_MS / 4, AWAKE_MS * 2);
  expect(loop.roundCount).toBe(0);
  loop.exchange(AWAKE_MS / 4, AWAKE_MS / 2);
  expect(loop.roundCount).toBe(1);
});

test("a question ends the rounds that wait for it, and no two go at once", () => {
  const loop = new Loop();
  loop.exchange(1);
  for (let count = 0; count < 100; count++) {
    loop.exchange(AWAKE_MS / 2);
    expect(loop.roundCount).toBe(2 * count + 1);
    loop.pass(AWAKE_MS / 4);
  }
  loop.alertness.heard();
  const { roundCount } = loop;
  for (let count = 0; count < 5; count++) loop.pass(0);
  expect(loop.roundCount).toBe(roundCount);
});

test("for a crowd the loop does nothing", () => {
  const loop = new Loop();
  for (let turn = 0; turn < 10; turn++) {
    loop.pass(AWAKE_MS / 4);
    for (let client = 0; client < 3; client++) loop.alertness.heard();
    for (let client = 0; client < 3; client++) loop.alertness.answered();
  }
  expect(loop.roundCount).toBe(0);
});
