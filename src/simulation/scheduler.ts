/**
 * Virtual time: makes what was put off happen, one event after the other, and lets the promises
 * of each settle completely before the next.
 *
 * Events belong to owners. Those of an owner that is dead never happen, those of one that is
 * paused wait until it is resumed. An event that throws ends the run, unless it killed its owner.
 */

import { assert } from "../base/assert.ts";
import { EventQueue, type QueuedEvent } from "./event-queue.ts";
import { TraceRecord } from "./trace-record.ts";

/** Who an event happens to. */
export interface Owner {
  readonly name: string;
  readonly isDead: boolean;
  readonly isPaused: boolean;
  /** Keeps the event until the owner is resumed, and then posts it again. */
  park(again: () => void): void;
}

interface Scheduled extends QueuedEvent {
  readonly owner: Owner | undefined;
  readonly name: string;
  readonly fire: () => void;
  cancelled: boolean;
}

export interface SchedulerOptions {
  /** Resolves when no promise can settle any more without an event: a turn of the real loop. */
  readonly drain: () => Promise<void>;
  /** A run that has more events than this is taken for one that never ends. */
  readonly eventCountMax: number;
}

export class Scheduler {
  readonly trace: TraceRecord = new TraceRecord();
  readonly #options: SchedulerOptions;
  readonly #queue = new EventQueue<Scheduled>();
  #nowUs = 0;
  #order = 0;
  #eventCount = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  get nowUs(): number {
    return this.#nowUs;
  }

  get eventCount(): number {
    return this.#eventCount;
  }

  /** Puts `fire` off by that many microseconds; the returned function takes it back. */
  post(delayUs: number, owner: Owner | undefined, name: string, fire: () => void): () => void {
    assert(0 <= delayUs, "nothing happens before now");
    if (owner?.isDead === true || delayUs === Number.POSITIVE_INFINITY) return () => undefined;
    const atUs = this.#nowUs + Math.round(delayUs);
    const event: Scheduled = { atUs, order: this.#order++, owner, name, fire, cancelled: false };
    this.#queue.push(event);
    return () => {
      event.cancelled = true;
    };
  }

  note(node: string, name: string, fields?: Readonly<Record<string, unknown>>): void {
    this.trace.add({ timeUs: this.#nowUs, node, name, fields });
  }

  /** Has happen what is due until then; whether anything is left. */
  async runUntilUs(untilUs: number, isOver: () => boolean): Promise<boolean> {
    await this.#options.drain();
    while (!isOver()) {
      this.#dropDead();
      const next = this.#queue.peek();
      if (next === undefined) return false;
      if (untilUs < next.atUs) {
        this.#nowUs = untilUs;
        return true;
      }
      await this.#step(this.#queue.pop());
    }
    return true;
  }

  /** Lets time pass in which nothing happens. */
  passUntilUs(untilUs: number): void {
    this.#nowUs = Math.max(this.#nowUs, untilUs);
  }

  async #step(event: Scheduled): Promise<void> {
    this.#nowUs = event.atUs;
    const { owner, name, fire } = event;
    if (owner?.isPaused === true) {
      owner.park(() => {
        if (!event.cancelled) this.post(0, owner, name, fire);
      });
      return;
    }
    this.#eventCount++;
    assert(this.#eventCount <= this.#options.eventCountMax, "the run comes to an end");
    this.note(owner?.name ?? "", name);
    try {
      fire();
    } catch (error) {
      if (owner?.isDead !== true) throw error;
    }
    await this.#options.drain();
  }

  /** Takes out in front what will never happen, so that the time does not run on for it. */
  #dropDead(): void {
    for (;;) {
      const next = this.#queue.peek();
      if (next === undefined || !(next.cancelled || next.owner?.isDead === true)) return;
      this.#queue.pop();
    }
  }
}
