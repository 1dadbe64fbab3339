/**
 * Removes expired rows that nobody asks for: a cursor that goes through the rows by small steps,
 * at rest while nothing can have expired. It finds them in a snapshot, without locks, and removes
 * each by a transaction that looks again.
 *
 * A store that never had a row with a deadline, which a row of its own says, is not swept at all.
 */

import { type AbortSource, makeAbortSource } from "../base/abort.ts";
import { messageOf } from "../base/fault.ts";
import type { Engine, SnapshotView } from "../transactions/engine.ts";
import type { Step } from "../transactions/step.ts";
import type { World } from "../world/world.ts";
import { DEADLINES_KEY, IDEMPOTENCY_RANGE, LIBRARY_RANGE } from "./key-space.ts";
import { isLive } from "./live-row.ts";
import type { DatabaseSettings } from "./settings.ts";
import type { KeyRange } from "./tuple.ts";
import { deadlineOf } from "./value-codec.ts";

const NEVER = Number.POSITIVE_INFINITY;
const SWEPT: readonly KeyRange[] = [IDEMPOTENCY_RANGE, LIBRARY_RANGE];
/** A pass begins this long after the first deadline, so that the next ones are met by it too. */
const GATHER_MS = 1000;
/** What could not be removed is looked for again after this long. */
const AGAIN_MS = 60_000;
/** Timers take no longer delays than this. */
const REST_MS_MAX = 60 * 60 * 1000;

export class ExpirySweep {
  readonly #world: World;
  readonly #engine: Engine;
  readonly #settings: DatabaseSettings;
  /** What of the ranges this pass has not looked at. */
  #rest: readonly KeyRange[] = [];
  /** The earliest deadline that is known of and was not swept. */
  #earliestMs = NEVER;
  #isMarked = false;
  readonly #closed: AbortSource = makeAbortSource();
  #stopTimer: (() => void) | undefined;
  #step: Promise<void> | undefined;
  removedCount = 0;

  constructor(world: World, engine: Engine, settings: DatabaseSettings) {
    this.#world = world;
    this.#engine = engine;
    this.#settings = settings;
  }

  /** Begins with a pass over what an earlier process may have left. */
  async start(): Promise<void> {
    this.#isMarked = await this.#engine.run((step) =>
      step.find(DEADLINES_KEY, 0, DEADLINES_KEY.length),
    );
    if (this.#isMarked) this.note(0);
  }

  /** Within a body that writes a row with a deadline: says for later that there are such. */
  mark(step: Step): void {
    if (this.#isMarked) return;
    // What another transaction wrote lasts if this one does.
    if (step.find(DEADLINES_KEY, 0, DEADLINES_KEY.length)) this.#isMarked = true;
    else step.put(DEADLINES_KEY, 0, DEADLINES_KEY.length, 0);
  }

  /** A row with this deadline was written. */
  note(deadlineMs: number): void {
    if (this.#earliestMs <= deadlineMs) return;
    this.#earliestMs = deadlineMs;
    if (this.#step === undefined && this.#rest.length === 0) this.#restUntilDue();
  }

  /** Resolves when no step is under way, which then waits for nobody; none follows. */
  async close(): Promise<void> {
    this.#closed.abort(undefined);
    this.#stopTimer?.();
    await this.#step;
  }

  #restUntilDue(): void {
    if (this.#earliestMs === NEVER) return;
    const untilMs = this.#earliestMs + GATHER_MS - this.#world.clock.wallMs();
    this.#after(Math.max(this.#settings.sweepIntervalMs, Math.min(untilMs, REST_MS_MAX)));
  }

  #after(delayMs: number): void {
    if (this.#closed.signal.aborted) return;
    this.#stopTimer?.();
    this.#stopTimer = this.#world.clock.after(delayMs, () => {
      this.#step = this.#runStep().finally(() => {
        this.#step = undefined;
      });
    });
  }

  async #runStep(): Promise<void> {
    if (this.#rest.length === 0) {
      if (this.#world.clock.wallMs() < this.#earliestMs) return this.#restUntilDue();
      this.#earliestMs = NEVER;
      this.#rest = SWEPT;
    }
    let removedCount = 0;
    try {
      removedCount = await this.#sweepChunk();
    } catch (error) {
      this.#world.trace.event("sweep-failed", { reason: messageOf(error) });
      if (this.#engine.failure !== undefined) return;
      this.note(this.#world.clock.wallMs() + AGAIN_MS);
    }
    if (this.#rest.length === 0) this.#restUntilDue();
    // Where one in four was expired there are more.
    else this.#after(4 * removedCount < this.#settings.sweepRowsMax ? this.#pauseMs() : 0);
  }

  #pauseMs(): number {
    return this.#settings.sweepIntervalMs;
  }

  async #sweepChunk(): Promise<number> {
    const [range, ...later] = this.#rest;
    if (range === undefined) return 0;
    const view = await this.#engine.snapshot();
    try {
      const { expired, rest } = await this.#look(view, range);
      this.#rest = rest === undefined ? later : [rest, ...later];
      if (0 < expired.length) await this.#remove(expired);
      return expired.length;
    } finally {
      view.release();
    }
  }

  /** The expired keys of the next rows, and what of the range follows them. */
  async #look(
    view: SnapshotView,
    range: KeyRange,
  ): Promise<{ readonly expired: readonly Uint8Array[]; readonly rest: KeyRange | undefined }> {
    const found = await view.run((step) => {
      const expired: Uint8Array[] = [];
      let last: Uint8Array | undefined;
      let earliestMs = NEVER;
      let rowCount = 0;
      step.scan(range, ({ keyBytes, keyLength, valueBytes, valueAt, valueLength }) => {
        const deadlineMs = deadlineOf(valueBytes, valueAt, valueLength) ?? NEVER;
        if (deadlineMs <= step.nowMs) expired.push(keyBytes.slice(0, keyLength));
        else earliestMs = Math.min(earliestMs, deadlineMs);
        if (++rowCount < this.#settings.sweepRowsMax) return true;
        last = keyBytes.slice(0, keyLength);
        return false;
      });
      return { expired, last, earliestMs };
    });
    this.#earliestMs = Math.min(this.#earliestMs, found.earliestMs);
    const { expired, last } = found;
    return {
      expired,
      rest: last === undefined ? undefined : { start: after(last), end: range.end },
    };
  }

  async #remove(keys: readonly Uint8Array[]): Promise<void> {
    const options = { timeoutMs: this.#settings.timeoutMs, signal: this.#closed.signal };
    this.removedCount += await this.#engine.run((step) => {
      let count = 0;
      for (const key of keys) {
        if (!step.findForUpdate(key, 0, key.length) || isLive(step, step.nowMs)) continue;
        step.remove(key, 0, key.length);
        count++;
      }
      return count;
    }, options);
  }
}

function after(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
