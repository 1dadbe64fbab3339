/**
 * Keeps the event loop awake for a client that is alone and asks again as soon as it is answered.
 * A process that sleeps is woken by way of the scheduler and another processor, which costs such a
 * client more than what it asks for. So after an answer the loop goes round without sleeping.
 *
 * It guarantees that the loop stays awake
 *
 *  1. for no longer than `AWAKE_MS` after an answer;
 *  2. only if what was asked last came as soon after the answer before;
 *  3. only if it was answered as soon: beside what a disk takes, being woken is little;
 *  4. only while each question is answered before the next comes: a crowd leaves no time to sleep.
 */

export const AWAKE_MS = 0.1;

export interface LoopClock {
  nowMs(): number;
  /** Calls `fire` when the loop comes round, and keeps it from sleeping until then. */
  soon(fire: () => void): void;
}

export class Alertness {
  readonly #clock: LoopClock;
  /** Whether nothing was heard since the last answer. */
  #isAnswered = false;
  #answeredMs = 0;
  #heardMs = 0;
  /** Whether what was heard last came soon after the answer before. */
  #isExpecting = false;
  #isRoundDue = false;
  readonly #round = (): void => {
    this.#isRoundDue = false;
    if (this.#isAnswered && isSoon(this.#answeredMs, this.#clock.nowMs())) this.#goRound();
  };

  constructor(clock: LoopClock) {
    this.#clock = clock;
  }

  /** A connection has read something. */
  heard(): void {
    this.#isExpecting = false;
    if (!this.#isAnswered) return;
    this.#isAnswered = false;
    this.#heardMs = this.#clock.nowMs();
    this.#isExpecting = isSoon(this.#answeredMs, this.#heardMs);
  }

  /** A connection has written something. */
  answered(): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#answeredMs = this.#clock.nowMs();
    if (this.#isExpecting && isSoon(this.#heardMs, this.#answeredMs)) this.#goRound();
  }

  #goRound(): void {
    if (this.#isRoundDue) return;
    this.#isRoundDue = true;
    this.#clock.soon(this.#round);
  }
}

function isSoon(fromMs: number, nowMs: number): boolean {
  return nowMs - fromMs < AWAKE_MS;
}
