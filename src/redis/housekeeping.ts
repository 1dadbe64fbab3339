/**
 * Work in the background, in bodies so small that no client notices: removing keys whose deadline
 * has passed though nobody asked for them, and the rows of databases that FLUSHDB has emptied.
 *
 * A body that cannot run now is tried again later; whatever it left undone is still there to be
 * found. While nothing has a deadline and nothing is to be reclaimed it only looks, now and then.
 */

import { isFault } from "../base/fault.ts";
import { prefixEnd } from "../base/bytes.ts";
import { must } from "../base/assert.ts";
import { MUST_WAIT, type Step } from "../transactions/step.ts";
import type { Door } from "./door.ts";
import {
  DEADLINE_ROWS,
  DOOR_DATABASE,
  KEY_OVERHEAD_BYTES,
  PREFIX_BYTES,
  readBigEndian,
  readSortedDeadline,
  RECLAIM_ROWS,
  REDIS_SPACE,
  rowKey,
  writeBigEndian,
  writeSortedDeadline,
} from "./row-format.ts";

const ROUND_INTERVAL_MS = 100;
/** While nothing has a deadline and no database was emptied. */
const IDLE_INTERVAL_MS = 1000;
/** Between two bodies of a round that finds much. */
const BUSY_INTERVAL_MS = 1;
/** A body removes at most so many keys. */
const EXPIRE_COUNT_MAX = 64;
const RECLAIM_COUNT_MAX = 512;
/** As few as are in one page, or two, at the least. */
const RECLAIM_COUNT_MIN = 4;
/** It rather comes back than keep others waiting for the locks that it waits with. */
const LOCK_WAIT_MS = 1000;

/** Whether there is more to do at once. */
type Finding = "done" | "more";

interface Expired {
  /** How many deadlines had passed: as many as a body may see to, fewer, or nothing has any. */
  readonly passed: "more" | "done" | "none";
  readonly expiredCount: number;
}

export class Housekeeping {
  readonly #door: Door;
  #stopTimer: () => void = () => undefined;
  #stopped = false;
  #round: Promise<void> = Promise.resolve();
  /** Fewer where a full disk has no room for the pages of many. */
  #reclaimCount = RECLAIM_COUNT_MAX;

  constructor(door: Door) {
    this.#door = door;
  }

  start(): void {
    this.#rest(ROUND_INTERVAL_MS);
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopTimer();
    await this.#round;
  }

  #rest(delayMs: number): void {
    if (this.#stopped) return;
    this.#stopTimer = this.#door.clock.after(delayMs, () => {
      this.#round = this.#doRound().then((finding) => {
        if (finding === "more") this.#rest(BUSY_INTERVAL_MS);
        else this.#rest(this.#isIdle ? IDLE_INTERVAL_MS : ROUND_INTERVAL_MS);
      });
    });
  }

  get #isIdle(): boolean {
    const { keys } = this.#door;
    return !keys.deadlinesMayExist && !keys.databases.rowsMayBeLeft;
  }

  async #doRound(): Promise<Finding> {
    if (this.#door.store.failure !== undefined) return "done";
    const expired = await this.#expire();
    const reclaimed = await this.#reclaim();
    return expired === "more" || reclaimed === "more" ? "more" : "done";
  }

  async #reclaim(): Promise<Finding> {
    const { databases } = this.#door.keys;
    if (!databases.rowsMayBeLeft) return "done";
    // Whoever flushes another from here on says so again.
    databases.rowsMayBeLeft = false;
    const count = this.#reclaimCount;
    const outcome = await this.#run((step) => reclaimSome(step, count));
    if (outcome !== "done") databases.rowsMayBeLeft = true;
    if (outcome === "no room") {
      this.#reclaimCount = Math.max(RECLAIM_COUNT_MIN, Math.floor(count / 4));
      return RECLAIM_COUNT_MIN < count ? "more" : "done";
    }
    this.#reclaimCount = Math.min(RECLAIM_COUNT_MAX, count * 2);
    return outcome === "more" ? "more" : "done";
  }

  async #expire(): Promise<Finding> {
    const { keys, settings } = this.#door;
    if (!keys.deadlinesMayExist) return "done";

    let finding: Finding = "done";
    let anyDeadline = false;
    for (let index = 0; index < settings.databaseCount; index++) {
      const outcome = await this.#run((step) => this.#expireSome(step, index));
      if (typeof outcome === "string") {
        anyDeadline = true;
        continue;
      }
      this.#door.stats.keysExpired += outcome.expiredCount;
      if (outcome.passed === "more") finding = "more";
      if (outcome.passed !== "none") anyDeadline = true;
    }
    if (!anyDeadline) await this.#run((step) => this.#forgetDeadlines(step));
    return finding;
  }

  /** Removes keys of one logical database whose deadlines have passed. */
  #expireSome(step: Step, index: number): Expired {
    const { keys } = this.#door;
    keys.begin(step, true);
    keys.use(index);
    const prefix = keys.prefix(DEADLINE_ROWS);
    if (step.count(prefix) === 0) return { passed: "none", expiredCount: 0 };

    const rows = passedDeadlines(step, prefix);
    for (const row of rows) {
      keys.point(row, KEY_OVERHEAD_BYTES, row.length - KEY_OVERHEAD_BYTES);
      const found = keys.claimPointed();
      // If the row of the key does not agree, this one outlived a change of the deadline.
      if (!found || keys.deadlineMs !== readSortedDeadline(row, PREFIX_BYTES)) step.delete(row);
    }
    const passed = rows.length === EXPIRE_COUNT_MAX ? "more" : "done";
    return { passed, expiredCount: keys.expiredCount };
  }

  /** Nothing has a deadline, if that can be seen to be so right now. */
  #forgetDeadlines(step: Step): void {
    const { keys, settings } = this.#door;
    keys.begin(step, true);
    for (let index = 0; index < settings.databaseCount; index++) {
      keys.use(index);
      if (step.count(keys.prefix(DEADLINE_ROWS)) > 0) return;
    }
    // Should the body be run again: a deadline that is set meanwhile says so again.
    keys.deadlinesMayExist = false;
  }

  /** Runs a body; a fault only means that the work is left for later. */
  async #run<T>(body: (step: Step) => T): Promise<T | "put off" | "no room"> {
    const { store } = this.#door;
    try {
      const outcome = store.tryRun(body);
      if (outcome !== MUST_WAIT) return outcome;
      return await store.run(body, { timeoutMs: LOCK_WAIT_MS });
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#door.world.trace.event("redis-housekeeping-put-off", { code: error.code });
      return isFault(error, "ERR_FULL") ? "no room" : "put off";
    }
  }
}

/** The rows of deadlines that have passed, the earliest first, at most so many. */
function passedDeadlines(step: Step, prefix: Uint8Array): readonly Uint8Array[] {
  const end = new Uint8Array(KEY_OVERHEAD_BYTES);
  end.set(prefix);
  writeSortedDeadline(end, PREFIX_BYTES, step.nowMs);
  const rows: Uint8Array[] = [];
  step.scan({ start: prefix, end }, ({ keyBytes, keyLength }) => {
    rows.push(new Uint8Array(keyBytes.subarray(0, keyLength)));
    return rows.length < EXPIRE_COUNT_MAX;
  });
  return rows;
}

/** Removes some rows of a database that nobody can reach any more, fewer than `countMax`. */
function reclaimSome(step: Step, countMax: number): Finding {
  const prefix = rowKey(DOOR_DATABASE, RECLAIM_ROWS);
  let row: Uint8Array | undefined;
  step.scan({ start: prefix, end: prefixEnd(prefix) }, ({ keyBytes, keyLength }) => {
    row = new Uint8Array(keyBytes.subarray(0, keyLength));
    return false;
  });
  if (row === undefined) return "done";

  const start = databaseStart(readBigEndian(row, PREFIX_BYTES));
  const end = must(prefixEnd(start), "the databases are not at the end of all keys");
  let count = 0;
  let last: Uint8Array | undefined;
  step.scan({ start, end }, ({ keyBytes, keyLength }) => {
    count++;
    if (count === countMax) last = new Uint8Array(keyBytes.subarray(0, keyLength));
    return count < countMax;
  });
  if (count > 0) step.removeRange(start, last ?? end);
  if (last === undefined) step.delete(row);
  return "more";
}

/** The bytes with which every row of a database begins. */
function databaseStart(database: number): Uint8Array {
  const start = new Uint8Array(1 + 4);
  start[0] = REDIS_SPACE;
  writeBigEndian(start, 1, database);
  return start;
}
