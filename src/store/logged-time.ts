/**
 * The time of a store, which does not go back when the clock of its machine is set back between
 * two openings: what was written as lasting for a minute would then last for longer, and a
 * deadline that was decided by one clock would be told by another.
 *
 * The time is noted in the log, in entries of their own, about once a second while there are
 * commits, and in every superblock. An opening goes on from the latest that it finds.
 *
 *     offset  bytes  body of an entry of this kind
 *          0      8  wall clock    milliseconds since 1970
 */

import type { Slab } from "../base/slab.ts";
import { getU64, setU64 } from "../base/u64.ts";
import { KIND_IGNORABLE, type LogEntry } from "../log/entry.ts";
import type { Log } from "../log/log.ts";
import type { Clock } from "../world/world.ts";

export const ENTRY_TIME: number = KIND_IGNORABLE | 2;
const BODY_BYTES = 8;
/** What may be missing of the time after a crash. */
const NOTED_EVERY_MS = 1000;

export class LoggedTime {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #view: DataView;
  #notedMs: number;
  /** It is looked at the clock once for each batch. */
  #batch = -1;

  /** The opening has noted `notedMs` in the superblock. */
  constructor(clock: Clock, log: Log, slab: Slab, notedMs: number) {
    this.#clock = clock;
    this.#log = log;
    this.#view = new DataView(slab.bytes.buffer, slab.bytes.byteOffset, slab.bytes.length);
    this.#notedMs = notedMs;
  }

  /**
   * Something was appended that is not on its way yet: the time goes with it if it was long not
   * noted and there is room.
   */
  appended(): void {
    const { lastBatch } = this.#log;
    if (lastBatch === this.#batch) return;
    this.#batch = lastBatch;
    const nowMs = this.#clock.wallMs();
    if (nowMs < this.#notedMs + NOTED_EVERY_MS || !this.#log.room(BODY_BYTES, false)) return;
    setU64(this.#view, this.#log.bodyAt, nowMs);
    this.#log.append(ENTRY_TIME, BODY_BYTES);
    this.#notedMs = nowMs;
  }
}

/** The time that the entry tells, or 0 if it is of another kind. */
export function timeIn({ kind, bytes, bodyAt, bodyBytes }: LogEntry): number {
  if (kind !== ENTRY_TIME || bodyBytes !== BODY_BYTES) return 0;
  return Math.max(0, getU64(new DataView(bytes.buffer, bytes.byteOffset + bodyAt, BODY_BYTES), 0));
}
