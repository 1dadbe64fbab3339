/**
 * Which transactions were committed, as rows of the store itself, kept by who has the store open.
 *
 * It guarantees that
 *
 *  1. a transaction's outcome is written by the transaction itself, so that there is one exactly
 *     if it was committed;
 *  2. who asks about a transaction without an outcome decides it: from then on it is refused, and
 *     a tombstone in the place of its outcome says so to all who ask later;
 *  3. outcomes are forgotten by sequence within a session and by session, oldest first, but never
 *     that of a transaction that may yet commit; a session that is in use is passed over until it
 *     is over. What is forgotten is refused when it comes late, and `ERR_OUTCOME_FORGOTTEN` when
 *     it is asked for;
 *  4. a session's number is never used by two sessions whose transactions were settled: a number
 *     that a crash made free was that of nothing that lasts, and secrets tell the two apart.
 *
 * A transaction that wrote nothing has no outcome, and counts as aborted: it changed nothing.
 *
 * A session has so many slots, which its transactions take one after the other, again and again: an
 * outcome is written over the one that is forgotten for it, and nothing grows or is removed. Who
 * took so long that its slot is another's has a row of its own.
 */

import { equalBytes } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import { NumberMap } from "../base/number-map.ts";
import type { Engine } from "../transactions/engine.ts";
import type { Step } from "../transactions/step.ts";
import type { World } from "../world/world.ts";
import { lateOutcomeKey, moveToSlot, outcomeKey, slotCountKey } from "./key-space.ts";
import {
  COMMITTED,
  decide,
  readSessions,
  removeSome,
  type Sessions,
  writeCount,
  writeOutcome,
  writeSessions,
} from "./outcome-rows.ts";
import type { OutcomeAnswer } from "./session.ts";
import type { SettleQueue } from "./settle-queue.ts";
import type { DatabaseSettings } from "./settings.ts";
import { SecretSource, type TransactionId } from "./transaction-id.ts";

/** So many outcomes of those that took too long are kept, and removed at a time. */
const LATE_COUNT = 1024;
/** When so many were asked for without an outcome, those of them that are forgotten are dropped. */
const REFUSED_COUNT = 1024;

export class OutcomeLedger {
  readonly #world: World;
  readonly #store: Engine;
  readonly #settling: SettleQueue;
  readonly #settings: DatabaseSettings;
  readonly #secrets: SecretSource;
  /** The sessions in use, the oldest first. */
  readonly #live = new Map<number, LedgerSession>();
  /** All sessions before it are forgotten, but for those in use and those of `#passedOver`. */
  #forgetFrom = 0;
  /** Those that were in use when it was their turn. */
  readonly #passedOver = new Set<number>();
  #forgetting: Promise<void> | undefined;

  constructor(world: World, store: Engine, settling: SettleQueue, settings: DatabaseSettings) {
    this.#world = world;
    this.#store = store;
    this.#settling = settling;
    this.#settings = settings;
    this.#secrets = new SecretSource(world.random);
  }

  /** Begins a session: a process, or the connection of one, that runs transactions. */
  async openSession(): Promise<LedgerSession> {
    const slotCount = this.#settings.outcomesKeptCount;
    const { newest, oldest } = await this.#store.run((step) => {
      const sessions = readSessions(step);
      const next = { newest: sessions.newest + 1, oldest: sessions.oldest };
      writeSessions(step, next);
      writeCount(step, slotCountKey(next.newest), slotCount);
      return next;
    });
    const session = new LedgerSession({
      number: newest,
      slotCount,
      secrets: this.#secrets,
      // Later: it is asked for by a body, and within that none can run.
      forgetLate: (sequences) => {
        this.#world.clock.soon(() => void this.#forgetLate(newest, sequences));
      },
    });
    this.#live.set(newest, session);
    if (this.#settings.sessionsKeptCount <= newest - oldest) {
      this.#forgetting ??= this.#forgetSessions().finally(() => (this.#forgetting = undefined));
    }
    return session;
  }

  closeSession(session: LedgerSession): void {
    session.close();
    this.#live.delete(session.number);
    if (session.number < this.#forgetFrom) this.#passedOver.add(session.number);
  }

  /** Resolves when nothing is being forgotten. */
  async whenForgotten(): Promise<void> {
    await this.#forgetting;
  }

  /** What became of a transaction. If nothing did yet, nothing ever will. */
  async outcome(id: TransactionId): Promise<OutcomeAnswer> {
    // Before it is looked for: what commits from here on is refused.
    const isToCome = this.#live.get(id.session)?.refuse(id) ?? false;
    try {
      const outcome = await this.#store.run((step) => decide(step, id, isToCome), {
        timeoutMs: this.#settings.timeoutMs,
      });
      return await this.#settling.answer(this.#store.appendedLsn, outcome);
    } catch (error) {
      return await this.#settling.refuse(this.#store.appendedLsn, error);
    }
  }

  async #forgetLate(session: number, sequences: readonly number[]): Promise<void> {
    await this.#inBackground("outcomes-forgotten", (step) => {
      for (const sequence of sequences) step.delete(lateOutcomeKey(session, sequence));
    });
  }

  /** A part of a session after the other, so that none of the steps is large. */
  async #forgetSessions(): Promise<void> {
    for (;;) {
      const done = await this.#inBackground("session-forgotten", (step) => {
        const sessions = readSessions(step);
        const session = this.#nextToForget(sessions);
        if (session === undefined) return undefined;
        if (removeSome(step, session)) return { session, oldest: sessions.oldest, isAll: false };
        step.delete(slotCountKey(session));
        writeSessions(step, { ...sessions, oldest: this.#oldestWithout(session, sessions) });
        return { session, oldest: sessions.oldest, isAll: true };
      });
      if (done === undefined) return;
      if (done.isAll) this.#noteForgotten(done.session, done.oldest);
    }
  }

  #nextToForget({ newest, oldest }: Sessions): number | undefined {
    const [passedOver] = this.#passedOver;
    if (passedOver !== undefined) return passedOver;
    let session = Math.max(this.#forgetFrom, oldest);
    while (this.#live.has(session)) session++;
    return newest - session < this.#settings.sessionsKeptCount ? undefined : session;
  }

  /** The oldest that is remembered once this one is not. */
  #oldestWithout(session: number, { oldest }: Sessions): number {
    const end = Math.max(this.#forgetFrom, session + 1);
    const isKept = (one: number): boolean =>
      this.#live.has(one) || (one !== session && this.#passedOver.has(one));
    let first = oldest;
    while (first < end && !isKept(first)) first++;
    return first;
  }

  #noteForgotten(session: number, oldest: number): void {
    if (session < this.#forgetFrom) {
      this.#passedOver.delete(session);
      return;
    }
    // Those that were in use then and are no more.
    for (let one = Math.max(this.#forgetFrom, oldest); one < session; one++) {
      if (!this.#live.has(one)) this.#passedOver.add(one);
    }
    this.#forgetFrom = session + 1;
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
  readonly slotCount: number;
  readonly secrets: SecretSource;
  /** Forgets the outcomes of transactions that took too long. */
  readonly forgetLate: (sequences: readonly number[]) => void;
}

/** The transactions of one session. */
export class LedgerSession {
  readonly number: number;
  readonly #parts: SessionParts;
  /** Of the slot that was written last. */
  readonly #key: Uint8Array;
  /** The sequences that are not forgotten, and whether each may have written its outcome. */
  readonly #underWay = new NumberMap<boolean>();
  /** The secrets of those that were asked for before they had an outcome. */
  readonly #refused = new Map<number, readonly Uint8Array[]>();
  /** Those with rows of their own. */
  #late: number[] = [];
  #newest = 0;
  #isClosed = false;

  constructor(parts: SessionParts) {
    this.number = parts.number;
    this.#parts = parts;
    this.#key = outcomeKey(parts.number, 0);
  }

  /** The name of a transaction that is applied within this turn, or never. */
  next(): TransactionId {
    const sequence = ++this.#newest;
    return { session: this.number, sequence, secret: this.#parts.secrets.next() };
  }

  /** Sees to it that the transaction is not forgotten until it has ended. */
  begin(id: TransactionId): void {
    this.#underWay.set(id.sequence, false);
  }

  /** As `begin`, for a name that was made elsewhere for this session. */
  adopt(id: TransactionId): void {
    if (id.session !== this.number) {
      throw new Fault("ERR_ARGUMENT", "the transaction is of another session; begin it anew");
    }
    this.#newest = Math.max(this.#newest, id.sequence);
    this.#underWay.set(id.sequence, false);
  }

  /** Who went on with another process may still bring the name that the last one gave it. */
  end({ session, sequence }: TransactionId): void {
    if (session === this.number) this.#underWay.delete(sequence);
  }

  /**
   * Also a transaction that was not heard of: what asks for its commit may still be on its way.
   * Whether it is under way and has no outcome, which another may have been written over.
   */
  refuse({ sequence, secret }: TransactionId): boolean {
    if (this.#isForgotten(sequence)) return false;
    // A crash may have given one sequence to two.
    const refused = this.#refused.get(sequence) ?? [];
    if (!hasSecret(refused, secret)) this.#refused.set(sequence, [...refused, secret]);
    if (REFUSED_COUNT < this.#refused.size) this.#dropRefused();
    return this.#underWay.get(sequence) === false;
  }

  /** Writes, as part of the transaction, that it was committed. */
  write(step: Step, id: TransactionId): void {
    const { sequence, secret } = id;
    const refused = this.#refused.size === 0 ? undefined : this.#refused.get(sequence);
    const isAsked = refused !== undefined && hasSecret(refused, secret);
    if (isAsked || this.#isClosed || this.#isForgotten(sequence)) throw refusal(isAsked);
    if (this.#underWay.has(sequence)) this.#underWay.set(sequence, true);
    if (this.#isOld(sequence)) {
      this.#noteLate(sequence);
      writeOutcome(step, lateOutcomeKey(this.number, sequence), COMMITTED, id);
      return;
    }
    moveToSlot(this.#key, sequence % this.#parts.slotCount);
    writeOutcome(step, this.#key, COMMITTED, id);
  }

  /** Nobody is there any more to be told, so that what is asked for is decided once and for all. */
  close(): void {
    this.#isClosed = true;
  }

  /** Whether its slot is another's. */
  #isOld(sequence: number): boolean {
    return sequence <= this.#newest - this.#parts.slotCount;
  }

  #isForgotten(sequence: number): boolean {
    return this.#isOld(sequence) && !this.#underWay.has(sequence);
  }

  #noteLate(sequence: number): void {
    if (this.#late.push(sequence) < 2 * LATE_COUNT) return;
    this.#parts.forgetLate(this.#late.slice(0, LATE_COUNT));
    this.#late = this.#late.slice(LATE_COUNT);
  }

  #dropRefused(): void {
    for (const sequence of this.#refused.keys()) {
      if (this.#isForgotten(sequence)) this.#refused.delete(sequence);
    }
  }
}

function hasSecret(secrets: readonly Uint8Array[], secret: Uint8Array): boolean {
  return secrets.some((one) => equalBytes(one, secret));
}

function refusal(isAsked: boolean): Fault {
  const reason = isAsked
    ? "its outcome was asked for before it was committed, which decided it"
    : "its session is over, or it took so long that its outcome could not be kept";
  return new Fault("ERR_ABORTED", `the transaction is refused: ${reason}; run it anew`, {
    isFinal: true,
  });
}
