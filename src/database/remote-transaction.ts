/**
 * A transaction that another process runs for this one. What it reads is settled when it is here.
 * If that process is gone it was rolled back, and may be run again; unless a commit was asked for
 * and not answered: whoever has the store open next is asked, which decides it.
 */

import { Fault } from "../base/fault.ts";
import { type Lsn, lsn } from "../base/ids.ts";
import { type AttachConnection, ConnectionLost, NoAnswer } from "./attach-connection.ts";
import { packWrites } from "./attach-protocol.ts";
import { packChunkRequest, packKeys, readChunk, readRow, readRows } from "./remote-rows.ts";
import type {
  Chunk,
  ChunkRequest,
  CommitRequest,
  EntryReader,
  OutcomeAnswer,
  RowReader,
  SessionTransaction,
} from "./session.ts";
import { commitUnknown } from "./settle-queue.ts";
import type { TransactionId } from "./transaction-id.ts";
import type { Write } from "./write-set.ts";

/**
 * Finds out what became of a commit when the process that was to make it is gone. Rejects with
 * `ERR_COMMIT_UNKNOWN` if nobody can be asked.
 */
export type ResolveCommit = (id: TransactionId) => Promise<OutcomeAnswer>;

export interface RemoteOwner {
  readonly onEnd: () => void;
  readonly resolve: ResolveCommit;
  /** Hands the answer to a commit through, and knows that there is one to come. */
  readonly decide: <T>(commit: Promise<T>) => Promise<T>;
}

export class RemoteTransaction implements SessionTransaction {
  readonly id: TransactionId;
  readonly #connection: AttachConnection;
  readonly #number: number;
  readonly #owner: RemoteOwner;
  readonly #listeners: ((reason: Error) => void)[] = [];
  #wrote = false;
  #isOver = false;
  age = 0;
  aborted: Error | undefined;
  /** From the moment that a commit is asked for it is not known, so that this is never so. */
  readonly isCommitting = false;

  constructor(connection: AttachConnection, number: number, id: TransactionId, owner: RemoteOwner) {
    this.#connection = connection;
    this.#number = number;
    this.id = id;
    this.#owner = owner;
  }

  onAbort(listener: (reason: Error) => void): void {
    this.#listeners.push(listener);
  }

  /** The other process says that it was aborted. */
  abort(reason: Fault): void {
    if (this.#isOver || this.aborted !== undefined) return;
    this.aborted = reason;
    for (const listener of this.#listeners) listener(reason);
  }

  /** The other process is gone. */
  lost(): void {
    this.abort(new Fault("ERR_ABORTED", "the process that ran the transaction is gone"));
  }

  async get<T>(source: Uint8Array, length: number, read: RowReader<T>): Promise<T | undefined> {
    return readRow(await this.#step("get", source.slice(0, length)), read);
  }

  async getForUpdate<T>(
    source: Uint8Array,
    length: number,
    read: RowReader<T>,
  ): Promise<T | undefined> {
    return readRow(await this.#step("getForUpdate", source.slice(0, length)), read);
  }

  async getMany<T>(
    keys: readonly Uint8Array[],
    read: RowReader<T>,
  ): Promise<readonly (T | undefined)[]> {
    return readRows(await this.#step("getMany", packKeys(keys)), read);
  }

  async scan<T>(request: ChunkRequest, read: EntryReader<T>): Promise<Chunk<T>> {
    return readChunk(await this.#step("scan", ...packChunkRequest(request)), read);
  }

  async apply(writes: Iterable<Write>): Promise<void> {
    this.#wrote = true;
    await this.#step("apply", packWrites(writes));
  }

  async claim(key: Uint8Array): Promise<Uint8Array | undefined> {
    const row = await this.#step("claim", key);
    return row instanceof Uint8Array ? row : undefined;
  }

  tryCommit(): boolean {
    return false;
  }

  async commit(request: CommitRequest, onUndecided: () => void): Promise<Lsn> {
    return await this.#owner.decide(this.#commit(request, onUndecided));
  }

  async #commit(
    { writes, writeCount, earliestDeadlineMs }: CommitRequest,
    onUndecided: () => void,
  ): Promise<Lsn> {
    const wrote = this.#wrote || 0 < writeCount;
    this.#check();
    this.#end();
    try {
      const message = ["step", this.#number, "commit", packWrites(writes), earliestDeadlineMs];
      const answer = this.#connection.ask(...message);
      if (wrote) onUndecided();
      return lsn(Number(await answer));
    } catch (error) {
      if (error instanceof NoAnswer && wrote) throw commitUnknown(this.id, error);
      if (!(error instanceof ConnectionLost)) {
        // What could not be sent is open there still.
        this.#connection.tell("rollback", this.#number);
        throw this.#noteAborted(error);
      }
      const answer = wrote ? await this.#owner.resolve(this.id) : undefined;
      if (answer?.outcome === "committed") return answer.version;
      throw this.#noteAborted(gone());
    }
  }

  rollback(): void {
    if (this.#isOver) return;
    this.#end();
    this.#connection.tell("rollback", this.#number);
  }

  async settled(): Promise<void> {
    await Promise.resolve();
  }

  async #step(...message: readonly unknown[]): Promise<unknown> {
    this.#check();
    try {
      return await this.#connection.request("step", this.#number, ...message);
    } catch (error) {
      if (!this.#isOver) this.#check();
      throw error;
    }
  }

  #check(): void {
    if (this.aborted !== undefined) throw this.aborted;
  }

  /** A commit that was refused because of others is no other than a wound before it. */
  #noteAborted(error: unknown): unknown {
    if (error instanceof Fault && error.code === "ERR_ABORTED") this.aborted ??= error;
    return error;
  }

  #end(): void {
    this.#isOver = true;
    this.#owner.onEnd();
  }
}

function gone(): Fault {
  return new Fault("ERR_ABORTED", "the process that ran the transaction is gone");
}
