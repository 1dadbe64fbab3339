/**
 * A session with a store that another process has open, over one connection. It is over with the
 * connection: what was not done is then a `ConnectionLost`, and what became of a commit that was
 * asked for and not answered is found out from whoever has the store open next.
 */

import { type Lsn, lsn } from "../base/ids.ts";
import type { Random, World } from "../world/world.ts";
import { Fault } from "../base/fault.ts";
import { type AttachConnection, ConnectionLost, NoAnswer } from "./attach-connection.ts";
import {
  ATTACH_VERSION,
  Fields,
  malformed,
  packId,
  packRange,
  packWrites,
  readOutcome,
} from "./attach-protocol.ts";
import { packChunkRequest, packKeys, readChunk, readRow, readRows } from "./remote-rows.ts";
import { RemoteTransaction, type ResolveCommit } from "./remote-transaction.ts";
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
} from "./session.ts";
import { commitUnknown } from "./settle-queue.ts";
import { SecretSource, type TransactionId } from "./transaction-id.ts";
import type { KeyRange } from "./tuple.ts";
import type { Write } from "./write-set.ts";

export class RemoteSession implements Session {
  readonly #connection: AttachConnection;
  readonly #number: number;
  readonly #secrets: SecretSource;
  readonly #resolve: ResolveCommit;
  readonly #transactions = new Map<number, RemoteTransaction>();
  readonly #undecided = new Set<Promise<unknown>>();
  #lastSequence = 0;
  #settledLsn: Lsn;
  /** The position at which that process took the store over. */
  readonly beganAt: Lsn;

  private constructor(
    connection: AttachConnection,
    number: number,
    beganAt: Lsn,
    settledLsn: Lsn,
    random: Random,
    resolve: ResolveCommit,
  ) {
    this.#resolve = resolve;
    this.beganAt = beganAt;
    this.#settledLsn = settledLsn;
    this.#connection = connection;
    this.#number = number;
    this.#secrets = new SecretSource(random);
    connection.onAborted = (transaction, reason) => {
      this.#transactions.get(transaction)?.abort(reason);
    };
  }

  /**
   * Begins a session over a connection that was just made. The time of the store is that of its
   * holder, and deadlines are reckoned on this side.
   */
  static async open(
    connection: AttachConnection,
    { clock, random }: Pick<World, "clock" | "random">,
    resolve: ResolveCommit,
  ): Promise<RemoteSession> {
    const fields = new Fields(await connection.request("hello", ATTACH_VERSION));
    if (fields.number() !== ATTACH_VERSION) throw malformed();
    const number = fields.number();
    clock.startFrom(fields.number());
    const [beganAt, settledLsn] = [fields.lsn(), fields.lsn()];
    return new RemoteSession(connection, number, beganAt, settledLsn, random, resolve);
  }

  get settledLsn(): Lsn {
    return this.#settledLsn;
  }

  /** Calls `listener` once the connection is over. */
  onLost(listener: () => void): void {
    const lost = (): void => {
      for (const transaction of this.#transactions.values()) transaction.lost();
      listener();
    };
    if (this.#connection.isLost) lost();
    else this.#connection.onLost = lost;
  }

  async get<T>(source: Uint8Array, length: number, read: RowReader<T>): Promise<T | undefined> {
    const row = await this.#connection.ask("get", source.slice(0, length));
    return readRow(row, read);
  }

  getCached(): typeof NOT_IN_MEMORY {
    return NOT_IN_MEMORY;
  }

  async getMany<T>(
    keys: readonly Uint8Array[],
    read: RowReader<T>,
  ): Promise<readonly (T | undefined)[]> {
    const rows = await this.#connection.ask("getMany", packKeys(keys));
    return readRows(rows, read);
  }

  async set(
    source: Uint8Array,
    length: number,
    row: Uint8Array,
    rowLength: number,
    deadlineMs: number | undefined,
  ): Promise<void> {
    const write: Write = {
      kind: "put",
      key: source.slice(0, length),
      row: row.slice(0, rowLength),
    };
    const earliestDeadlineMs = deadlineMs ?? Number.POSITIVE_INFINITY;
    await this.runBatch({ checks: [], writes: [write], earliestDeadlineMs });
  }

  async delete(source: Uint8Array, length: number): Promise<void> {
    const write: Write = { kind: "remove", key: source.slice(0, length) };
    const earliestDeadlineMs = Number.POSITIVE_INFINITY;
    await this.runBatch({ checks: [], writes: [write], earliestDeadlineMs });
  }

  async runBatch(batch: Batch): Promise<BatchAnswer> {
    return await this.#decide(this.#askForBatch(batch));
  }

  async #askForBatch({ checks, writes, earliestDeadlineMs }: Batch): Promise<BatchAnswer> {
    if (this.#connection.isLost) throw new ConnectionLost();
    const id = this.newTransactionId();
    const packed = checks.map(({ key, version }) => [key, version]);
    const message = [packId(id), packed, packWrites(writes), earliestDeadlineMs];
    try {
      const fields = new Fields(await this.#connection.ask("batch", ...message));
      if (!fields.flag()) return { ok: false, failedIndex: fields.number() };
      return { ok: true, version: this.#saw(fields.lsn()) };
    } catch (error) {
      if (error instanceof NoAnswer) throw commitUnknown(id, error);
      if (!(error instanceof ConnectionLost)) throw error;
      const answer = await this.#resolve(id);
      if (answer.outcome === "aborted") throw error;
      return { ok: true, version: answer.version };
    }
  }

  newTransactionId(): TransactionId {
    const sequence = ++this.#lastSequence;
    return { session: this.#number, sequence, secret: this.#secrets.next() };
  }

  endTransactionId(id: TransactionId): void {
    if (id.session === this.#number) this.#connection.tell("end", packId(id));
  }

  tryBegin(): undefined {
    return undefined;
  }

  async begin(request: BeginRequest): Promise<SessionTransaction> {
    const connection = this.#connection;
    const number = connection.nextNumber();
    // The name of a session that is over says nothing here.
    const id = request.id.session === this.#number ? request.id : this.newTransactionId();
    const { age, attempts } = request;
    const timeoutMs = Math.min(Math.ceil(request.timeoutMs), Number.MAX_SAFE_INTEGER);
    const transaction = new RemoteTransaction(connection, number, id, {
      onEnd: () => this.#transactions.delete(number),
      resolve: this.#resolve,
      decide: async (commit) => await this.#decide(commit),
    });
    this.#transactions.set(number, transaction);
    try {
      transaction.age = Number(
        await connection.ask("begin", number, packId(id), age, attempts, timeoutMs),
      );
      return transaction;
    } catch (error) {
      this.#transactions.delete(number);
      // A holder that hung may begin it yet.
      connection.tell("rollback", number);
      throw error;
    }
  }

  async snapshot(): Promise<SessionSnapshot> {
    const number = this.#connection.nextNumber();
    const position = lsn(Number(await this.#connection.ask("snapshot", number)));
    return new RemoteSnapshot(this.#connection, number, this.#saw(position));
  }

  async *changes(range: KeyRange, after: Lsn, signal: AbortSignal): AsyncIterable<ChangeSet> {
    const connection = this.#connection;
    const number = connection.nextNumber();
    const stop = (): void => connection.tell("unwatch", number);
    signal.addEventListener("abort", stop);
    try {
      await connection.request("watch", number, packRange(range), after);
      while (!signal.aborted) {
        const set = readChangeSet(new Fields(await connection.request("change", number)));
        this.#saw(set.version);
        yield set;
      }
    } finally {
      signal.removeEventListener("abort", stop);
      stop();
    }
  }

  async beginning(): Promise<Beginning> {
    return { after: this.#saw(lsn(Number(await this.#connection.ask("position")))) };
  }

  async outcome(id: TransactionId): Promise<OutcomeAnswer> {
    return readOutcome(new Fields(await this.#connection.ask("outcome", packId(id))));
  }

  /** Transactions are rolled back, but for those that were asked to be committed. */
  async close(): Promise<void> {
    const reason = new Fault("ERR_CLOSED", "the database is closed; open it again");
    for (const transaction of this.#transactions.values()) transaction.abort(reason);
    await Promise.allSettled(this.#undecided);
    this.#connection.end();
  }

  /** Has `close` wait for what becomes of a commit. */
  async #decide<T>(commit: Promise<T>): Promise<T> {
    this.#undecided.add(commit);
    try {
      return await commit;
    } finally {
      this.#undecided.delete(commit);
    }
  }

  /** What is told is settled there. */
  #saw(position: Lsn): Lsn {
    if (this.#settledLsn < position) this.#settledLsn = position;
    return position;
  }
}

/** A view of the past that another process holds. */
class RemoteSnapshot implements SessionSnapshot {
  readonly #connection: AttachConnection;
  readonly #number: number;
  readonly position: Lsn;

  constructor(connection: AttachConnection, number: number, position: Lsn) {
    this.#connection = connection;
    this.#number = number;
    this.position = position;
  }

  async get<T>(source: Uint8Array, length: number, read: RowReader<T>): Promise<T | undefined> {
    return readRow(await this.#request("get", source.slice(0, length)), read);
  }

  async getMany<T>(
    keys: readonly Uint8Array[],
    read: RowReader<T>,
  ): Promise<readonly (T | undefined)[]> {
    return readRows(await this.#request("getMany", packKeys(keys)), read);
  }

  async scan<T>(request: ChunkRequest, read: EntryReader<T>): Promise<Chunk<T>> {
    return readChunk(await this.#request("scan", ...packChunkRequest(request)), read);
  }

  release(): void {
    this.#connection.tell("release", this.#number);
  }

  async #request(...message: readonly unknown[]): Promise<unknown> {
    return await this.#connection.ask("view", this.#number, ...message);
  }
}

function readChangeSet(fields: Fields): ChangeSet {
  const version = fields.lsn();
  const changes = fields.list((item) => ({ key: item.bytes(), row: item.optionalBytes() }));
  return { version, changes };
}
