/**
 * Which transactions were committed, as rows of the store itself, kept by who has the store open.
 *
 * It guarantees that
 *
 *  1. a transaction's outcome is written by the transaction itself, so that there is one exactly
 *     if it was committed;
 *  2. who asks about a transaction without an outcome decides it: from then on it is refused, and
 *     a tombstone in the place of its outcome says so to all who ask later;
 *  3. outcomes are forgotten by sequence within a session and by session, oldest first: what is
 *     below a horizon is refused when it comes late, and `ERR_OUTCOME_FORGOTTEN` when it is asked
 *     for. Horizons only rise, and never above a transaction that is under way or a session that
 *     is in use;
 *  4. a session's number is never used by two sessions whose transactions were settled: a number
 *     that a crash made free was that of nothing that lasts, and secrets tell the two apart.
 *
 * A transaction that wrote nothing has no outcome, and counts as aborted: it changed nothing.
 */

import { assert } from "../base/assert.ts";
import { equalBytes } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import type { Lsn } from "../base/ids.ts";
import { getU64, setU64 } from "../base/u64.ts";
import type { Engine } from "../transactions/engine.ts";
import type { Step } from "../transactions/step.ts";
import type { World } from "../world/world.ts";
import { horizonKey, outcomeKey, SESSIONS_KEY } from "./key-space.ts";
import type { OutcomeAnswer } from "./session.ts";
import type { SettleQueue } from "./settle-queue.ts";
import type { DatabaseSettings } from "./settings.ts";
import { SECRET_BYTES, SecretSource, type TransactionId } from "./transaction-id.ts";

const COMMITTED = 1;
const ABORTED = 2;
/** Outcomes are removed this many at a time. */
const REMOVED_COUNT = 1024;
const SESSIONS_BYTES = 16;
const ABORTED_ANSWER: OutcomeAnswer = { outcome: "aborted" };

/** The newest session that was begun and the oldest that is remembered. */
interface Sessions {
  readonly newest: number;
  readonly oldest: number;
}

export class OutcomeLedger {
  readonly #world: World;
  readonly #store: Engine;
  readonly #settling: SettleQueue;
  readonly #settings: DatabaseSettings;
  readonly #secrets: SecretSource;
  /** The sessions in use, the oldest first. */
  readonly #live = new Map<number, LedgerSession>();
  #isForgetting = false;

  constructor(world: World, store: Engine, settling: SettleQueue, settings: DatabaseSettings) {
    this.#world = world;
    this.#store = store;
    this.#settling = settling;
    this.#settings = settings;
    this.#secrets = new SecretSource(world.random);
  }

  /** Begins a session: a process, or the connection of one, that runs transactions. */
  async openSession(): Promise<LedgerSession> {
    const { newest, oldest } = await this.#store.run((step) => {
      const sessions = readSessions(step);
      const next = { newest: sessions.newest + 1, oldest: sessions.oldest };
      writeSessions(step, next);
      return next;
    });
    const parts: SessionParts = {
      number: newest,
      keptCount: this.#settings.outcomesKeptCount,
      secrets: this.#secrets,
      raise: (session, from, to) => {
        void this.#forgetSequences(session, from, to);
      },
    };
    const session = new LedgerSession(parts);
    this.#live.set(newest, session);
    if (this.#settings.sessionsKeptCount <= newest - oldest) void this.#forgetSessions();
    return session;
  }

  closeSession(session: LedgerSession): void {
    session.close();
    this.#live.delete(session.number);
  }

  /** What became of a transaction. If nothing did yet, nothing ever will. */
  async outcome(id: TransactionId): Promise<OutcomeAnswer> {
    // Before it is looked for: what commits from here on is refused.
    this.#live.get(id.session)?.refuse(id);
    try {
      const outcome = await this.#store.run((step) => decide(step, id), {
        timeoutMs: this.#settings.timeoutMs,
      });
      return await this.#settling.answer(this.#store.appendedLsn, outcome);
    } catch (error) {
      return await this.#settling.refuse(this.#store.appendedLsn, error);
    }
  }

  async #forgetSequences(session: LedgerSession, from: number, to: number): Promise<void> {
    const { number } = session;
    await this.#inBackground("outcomes-forgotten", (step) => {
      writeNumber(step, horizonKey(number), to);
      step.removeRange(outcomeKey(number, from), outcomeKey(number, to));
    });
    session.raised();
  }

  /** One session after the other, so that none of the steps is large. */
  async #forgetSessions(): Promise<void> {
    if (this.#isForgetting) return;
    this.#isForgetting = true;
    const { sessionsKeptCount } = this.#settings;
    let isMore = true;
    while (isMore) {
      const [oldestLive = Number.MAX_SAFE_INTEGER] = this.#live.keys();
      isMore =
        (await this.#inBackground("session-forgotten", (step) => {
          const { newest, oldest } = readSessions(step);
          if (oldestLive <= oldest || newest - oldest < sessionsKeptCount) return false;
          writeSessions(step, { newest, oldest: oldest + 1 });
          step.remove(horizonKey(oldest), 0, horizonKey(oldest).length);
          step.removeRange(outcomeKey(oldest, 0), outcomeKey(oldest + 1, 0));
          return true;
        })) === true;
    }
    this.#isForgetting = false;
  }

  /** What is forgotten late does no harm, so that a failure here is nobody's but the store's. */
  async #inBackground<T>(name: string, body: (step: Step) => T): Promise<T | undefined> {
    try {
      return await this.#store.run(body, { timeoutMs: this.#settings.timeoutMs });
    } catch (error) {
      this.#world.trace.event(`${name}-failed`, { error });
      return undefined;
    }
  }
}

interface SessionParts {
  readonly number: number;
  readonly keptCount: number;
  readonly secrets: SecretSource;
  /** Forgets the outcomes from `from` up to `to`, and calls `raised`. */
  readonly raise: (session: LedgerSession, from: number, to: number) => void;
}

/** The transactions of one session. */
export class LedgerSession {
  readonly number: number;
  readonly #parts: SessionParts;
  /** The sequences that the horizon stays below. */
  readonly #underWay = new Set<number>();
  /** The secrets of those that were asked for before they had an outcome. */
  readonly #refused = new Map<number, Uint8Array>();
  #newest = 0;
  #horizon = 1;
  #isRaising = false;
  #isClosed = false;

  constructor(parts: SessionParts) {
    this.number = parts.number;
    this.#parts = parts;
  }

  /** The name of a transaction that is applied within this turn, or never. */
  next(): TransactionId {
    const sequence = ++this.#newest;
    if (this.#parts.keptCount + REMOVED_COUNT < sequence - this.#horizon) this.#raise();
    return { session: this.number, sequence, secret: this.#parts.secrets.next() };
  }

  /** Keeps the horizon below the transaction until it has ended. */
  begin(id: TransactionId): void {
    this.#underWay.add(id.sequence);
  }

  /** As `begin`, for a name that was made elsewhere for this session. */
  adopt(id: TransactionId): void {
    if (id.session !== this.number) {
      throw new Fault("ERR_ARGUMENT", "the transaction is of another session; begin it anew");
    }
    this.#newest = Math.max(this.#newest, id.sequence);
    this.#underWay.add(id.sequence);
    if (this.#parts.keptCount + REMOVED_COUNT < this.#newest - this.#horizon) this.#raise();
  }

  end(id: TransactionId): void {
    this.#underWay.delete(id.sequence);
  }

  /** Also a transaction that was not heard of: what asks for its commit may still be on its way. */
  refuse({ sequence, secret }: TransactionId): void {
    if (this.#horizon <= sequence) this.#refused.set(sequence, secret);
  }

  /** Writes, as part of the transaction, that it was committed. */
  write(step: Step, { session, sequence, secret }: TransactionId): void {
    const refused = this.#refused.size === 0 ? undefined : this.#refused.get(sequence);
    const isAsked = refused !== undefined && equalBytes(refused, secret);
    if (isAsked || sequence < this.#horizon || this.#isClosed) throw refusal(isAsked);
    writeOutcome(step, outcomeKey(session, sequence), COMMITTED, secret);
  }

  /** Nobody is there any more to be told, so that what is asked for is decided once and for all. */
  close(): void {
    this.#isClosed = true;
  }

  /** The horizon was raised, and may be again. */
  raised(): void {
    this.#isRaising = false;
  }

  #raise(): void {
    if (this.#isRaising) return;
    let to = Math.min(this.#horizon + REMOVED_COUNT, this.#newest);
    for (const sequence of this.#underWay) to = Math.min(to, sequence);
    if (to <= this.#horizon) return;
    this.#isRaising = true;
    const from = this.#horizon;
    this.#horizon = to;
    for (const sequence of this.#refused.keys()) {
      if (sequence < to) this.#refused.delete(sequence);
    }
    this.#parts.raise(this, from, to);
  }
}

/** A body that finds out at which position the transaction was committed. */
export function versionOfOutcome({ session, sequence }: TransactionId): (step: Step) => Lsn {
  const key = outcomeKey(session, sequence);
  return (step) => {
    assert(step.find(key, 0, key.length), "a transaction that was committed has an outcome");
    return step.version;
  };
}

function decide(step: Step, { session, sequence, secret }: TransactionId): OutcomeAnswer {
  const { newest, oldest } = readSessions(step);
  if (session < oldest || sequence < readNumber(step, horizonKey(session))) throw forgotten();
  // Of a session that a crash undid nothing lasts, and its number may become another's.
  if (newest < session) return ABORTED_ANSWER;
  const key = outcomeKey(session, sequence);
  if (!step.findForUpdate(key, 0, key.length)) {
    writeOutcome(step, key, ABORTED, secret);
    return ABORTED_ANSWER;
  }
  const row = step.valueBytes.subarray(step.valueAt, step.valueAt + step.valueLength);
  const isCommitted = row[0] === COMMITTED && equalBytes(row.subarray(1), secret);
  return isCommitted ? { outcome: "committed", version: step.version } : ABORTED_ANSWER;
}

function refusal(isAsked: boolean): Fault {
  const reason = isAsked
    ? "its outcome was asked for before it was committed, which decided it"
    : "its session is over, or it took so long that its outcome could not be kept";
  return new Fault("ERR_ABORTED", `the transaction is refused: ${reason}; run it anew`, {
    isFinal: true,
  });
}

function forgotten(): Fault {
  const message = "the outcome was forgotten; ask sooner, or raise outcomesKeptCount";
  return new Fault("ERR_OUTCOME_FORGOTTEN", `${message} or sessionsKeptCount`);
}

function writeOutcome(step: Step, key: Uint8Array, kind: number, secret: Uint8Array): void {
  const at = step.put(key, 0, key.length, 1 + SECRET_BYTES);
  const { buffer } = step;
  buffer[at] = kind;
  for (let index = 0; index < SECRET_BYTES; index++) {
    buffer[at + 1 + index] = secret[index] as number;
  }
}

function readSessions(step: Step): Sessions {
  if (!step.findForUpdate(SESSIONS_KEY, 0, SESSIONS_KEY.length)) return { newest: 0, oldest: 1 };
  const view = valueView(step, SESSIONS_BYTES);
  return { newest: checked(getU64(view, 0)), oldest: checked(getU64(view, 8)) };
}

function writeSessions(step: Step, { newest, oldest }: Sessions): void {
  const bytes = new Uint8Array(SESSIONS_BYTES);
  const view = new DataView(bytes.buffer);
  setU64(view, 0, newest);
  setU64(view, 8, oldest);
  step.set(SESSIONS_KEY, bytes);
}

/** The number in a row, or 0 if there is none. */
function readNumber(step: Step, key: Uint8Array): number {
  return step.find(key, 0, key.length) ? checked(getU64(valueView(step, 8), 0)) : 0;
}

function writeNumber(step: Step, key: Uint8Array, value: number): void {
  const bytes = new Uint8Array(8);
  setU64(new DataView(bytes.buffer), 0, value);
  step.set(key, bytes);
}

function valueView({ valueBytes, valueAt, valueLength }: Step, length: number): DataView {
  if (valueLength !== length) throw corrupt();
  return new DataView(valueBytes.buffer, valueBytes.byteOffset + valueAt, length);
}

function checked(value: number): number {
  if (value === -1) throw corrupt();
  return value;
}

function corrupt(): Fault {
  return new Fault("ERR_CORRUPT", "a row of the store's own transactions is not as it was written");
}
