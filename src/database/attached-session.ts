/**
 * A session for who shares a data directory: with the store if this process has it open, and
 * otherwise with the process that has. When that one goes, this one takes over, or is served by
 * whichever was faster.
 *
 * What only reads is asked again then. A commit that was under way is looked for in the store by
 * its name: it is answered if it is there, and made anew if it is not, and then never can be. If
 * there is nobody to ask in time it is `ERR_COMMIT_UNKNOWN`.
 */

import { type AbortSource, makeAbortSource } from "../base/abort.ts";
import { Fault } from "../base/fault.ts";
import { type Lsn, lsn } from "../base/ids.ts";
import type { Clock } from "../world/world.ts";
import { ConnectionLost } from "./attach-connection.ts";
import { LocalSession } from "./local-session.ts";
import type { RemoteSession } from "./remote-session.ts";
import type { ResolveCommit } from "./remote-transaction.ts";
import {
  type Batch,
  type BatchAnswer,
  type Beginning,
  type BeginRequest,
  type ChangeSet,
  type Chunk,
  type ChunkRequest,
  type EntryReader,
  NOT_IN_MEMORY,
  type OutcomeAnswer,
  type RowReader,
  type Session,
  type SessionSnapshot,
  type SessionTransaction,
  type WaitOptions,
} from "./session.ts";
import { commitUnknown } from "./settle-queue.ts";
import type { TransactionId } from "./transaction-id.ts";
import type { KeyRange } from "./tuple.ts";

type FoundSession = LocalSession | RemoteSession;

/** Finds a session: opens the store, or connects to who has it open. */
export type FindSession = (need: SessionNeed) => Promise<FoundSession>;

export interface SessionNeed {
  /** Whether the directory is just being opened; later there is no giving up. */
  readonly isFirst: boolean;
  /** Aborts when nobody needs it any more. */
  readonly signal: AbortSignal;
  readonly resolve: ResolveCommit;
}

export class AttachedSession implements Session {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #find: FindSession;
  #current: FoundSession | undefined;
  #finding: Promise<FoundSession> | undefined;
  #closing: Promise<void> | undefined;
  readonly #closed: AbortSource = makeAbortSource();
  #isFirst = true;
  #settledLsn: Lsn = lsn(0);

  constructor(clock: Clock, timeoutMs: number, find: FindSession) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#find = find;
  }

  /** Resolves when there is a session. */
  async start(): Promise<void> {
    await this.#session();
  }

  get settledLsn(): Lsn {
    const position = this.#current?.settledLsn ?? this.#settledLsn;
    if (this.#settledLsn < position) this.#settledLsn = position;
    return this.#settledLsn;
  }

  get<T>(source: Uint8Array, length: number, read: RowReader<T>): Promise<T | undefined> {
    const current = this.#current;
    if (current instanceof LocalSession) return current.get(source, length, read);
    const key = source.slice(0, length);
    return this.#ask((session) => session.get(key, length, read));
  }

  getCached<T>(
    source: Uint8Array,
    length: number,
    read: RowReader<T>,
  ): T | undefined | typeof NOT_IN_MEMORY {
    const current = this.#current;
    return current instanceof LocalSession
      ? current.getCached(source, length, read)
      : NOT_IN_MEMORY;
  }

  async getMany<T>(
    keys: readonly Uint8Array[],
    read: RowReader<T>,
  ): Promise<readonly (T | undefined)[]> {
    return await this.#ask((session) => session.getMany(keys, read));
  }

  set(
    source: Uint8Array,
    length: number,
    row: Uint8Array,
    rowLength: number,
    deadlineMs: number | undefined,
  ): Promise<void> {
    const current = this.#current;
    if (current instanceof LocalSession) {
      return current.set(source, length, row, rowLength, deadlineMs);
    }
    const key = source.slice(0, length);
    const kept = row.slice(0, rowLength);
    return this.#ask((session) => session.set(key, length, kept, rowLength, deadlineMs));
  }

  delete(source: Uint8Array, length: number): Promise<void> {
    const current = this.#current;
    if (current instanceof LocalSession) return current.delete(source, length);
    const key = source.slice(0, length);
    return this.#ask((session) => session.delete(key, length));
  }

  runBatch(batch: Batch): Promise<BatchAnswer> {
    const current = this.#current;
    if (current instanceof LocalSession) return current.runBatch(batch);
    return this.#ask((session) => session.runBatch(batch));
  }

  newTransactionId(): TransactionId | Promise<TransactionId> {
    const current = this.#current;
    if (current !== undefined) return current.newTransactionId();
    return this.#ask(async (session) => await session.newTransactionId());
  }

  endTransactionId(id: TransactionId): void {
    this.#current?.endTransactionId(id);
  }

  begin(request: BeginRequest): SessionTransaction | Promise<SessionTransaction> {
    const current = this.#current;
    if (current instanceof LocalSession) return current.begin(request);
    return this.#ask(async (session) => await session.begin(request));
  }

  tryBegin(timeoutMs: number, isBrief: boolean): SessionTransaction | undefined {
    const current = this.#current;
    return current instanceof LocalSession ? current.tryBegin(timeoutMs, isBrief) : undefined;
  }

  async snapshot(): Promise<SessionSnapshot> {
    return new AttachedSnapshot(await this.#ask((session) => session.snapshot()));
  }

  async *changes(range: KeyRange, after: Lsn, signal: AbortSignal): AsyncIterable<ChangeSet> {
    let position = after;
    while (!signal.aborted) {
      const session = await this.#session();
      try {
        for await (const set of session.changes(range, position, signal)) {
          position = set.version;
          yield set;
        }
        return;
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
      }
    }
  }

  /**
   * Who is asked and goes may have committed more between the call and its end. Then it begins at
   * the newest position that was seen before the call: rather some changes too many than one too
   * few. Where there was nobody to ask, it begins where the next holder did: by the time that one
   * is asked, commits may have been made there that came after the call.
   */
  async beginning(): Promise<Beginning> {
    const seen = this.settledLsn;
    const current = this.#current;
    try {
      if (current !== undefined) return await current.beginning();
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
    }
    const { beganAt } = await this.#session();
    if (current === undefined) return { after: beganAt < seen ? seen : beganAt };
    return { after: seen, otherwise: seen < beganAt ? beganAt : undefined };
  }

  async outcome(id: TransactionId): Promise<OutcomeAnswer> {
    return await this.#ask((session) => session.outcome(id));
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  /** What became of a commit that a process was asked for which is gone. */
  async #resolve(id: TransactionId): Promise<OutcomeAnswer> {
    try {
      return await this.outcome(id);
    } catch (error) {
      throw commitUnknown(id, error);
    }
  }

  async #close(): Promise<void> {
    this.#closed.abort(undefined);
    const finding = this.#finding?.catch(() => undefined);
    const session = this.#current ?? (await finding);
    this.#current = undefined;
    await session?.close();
  }

  /** Asks whoever there is, and whoever comes after, until one answers. */
  async #ask<T>(ask: (session: Session) => Promise<T>): Promise<T> {
    for (;;) {
      const session = this.#current ?? (await this.#session());
      try {
        return await ask(session);
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
      }
    }
  }

  async #session(): Promise<FoundSession> {
    this.#checkOpen();
    if (this.#current !== undefined) return this.#current;
    return await this.#inTime((this.#finding ??= this.#begin()));
  }

  async #begin(): Promise<FoundSession> {
    try {
      const session = await this.#find({
        isFirst: this.#isFirst,
        signal: this.#closed.signal,
        resolve: async (id) => await this.#resolve(id),
      });
      this.#current = session;
      this.#isFirst = false;
      if (!(session instanceof LocalSession)) this.#follow(session);
      return session;
    } finally {
      this.#finding = undefined;
    }
  }

  /** Looks for the next as soon as this one is gone, so that somebody takes over. */
  #follow(session: RemoteSession): void {
    session.onLost(() => {
      this.#current = undefined;
      if (this.#closing !== undefined) return;
      this.#finding ??= this.#begin();
      // Whoever needs it hears what became of it.
      this.#finding.catch(() => undefined);
    });
  }

  /** Another process may take long to begin; who waits for it does not wait for ever. */
  async #inTime(finding: Promise<FoundSession>): Promise<FoundSession> {
    return await new Promise<FoundSession>((resolve, reject) => {
      const stop = this.#clock.after(this.#timeoutMs, () => {
        const message = `nobody has had the store open for ${this.#timeoutMs} ms; try again later`;
        reject(new Fault("ERR_UNAVAILABLE", message, { timeoutMs: this.#timeoutMs }));
      });
      finding.then(resolve, reject).finally(stop);
    });
  }

  #checkOpen(): void {
    if (this.#closing === undefined) return;
    throw new Fault("ERR_CLOSED", "the database is closed; open it again");
  }
}

/** A snapshot is of the process that holds it, and gone with it. */
class AttachedSnapshot implements SessionSnapshot {
  readonly #inner: SessionSnapshot;

  constructor(inner: SessionSnapshot) {
    this.#inner = inner;
  }

  get position(): Lsn {
    return this.#inner.position;
  }

  async get<T>(source: Uint8Array, length: number, read: RowReader<T>): Promise<T | undefined> {
    return await named(this.#inner.get(source, length, read));
  }

  async getMany<T>(
    keys: readonly Uint8Array[],
    read: RowReader<T>,
  ): Promise<readonly (T | undefined)[]> {
    return await named(this.#inner.getMany(keys, read));
  }

  async scan<T>(
    request: ChunkRequest,
    read: EntryReader<T>,
    options?: WaitOptions,
  ): Promise<Chunk<T>> {
    return await named(this.#inner.scan(request, read, options));
  }

  release(): void {
    this.#inner.release();
  }
}

async function named<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    const message = "the process that held the snapshot is gone; take another, or scan again";
    throw new Fault("ERR_ABORTED", message, {}, error);
  }
}
