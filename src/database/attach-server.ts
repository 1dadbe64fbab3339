/**
 * Serves one process that found the store open: does for it over a connection what a session does
 * here. When the connection is over, all that it left open is rolled back and let go of.
 */

import { AssertionFailure } from "../base/assert.ts";
import { makeAbortSource } from "../base/abort.ts";
import { Fault, isFault } from "../base/fault.ts";
import type { Connection } from "../world/network.ts";
import type { World } from "../world/world.ts";
import { encodeFrame, FrameReader } from "./attach-frames.ts";
import {
  ATTACH_VERSION,
  Fields,
  malformed,
  packFault,
  packOutcome,
  packRange,
  readId,
  readRange,
  readWrite,
} from "./attach-protocol.ts";
import type { LocalSession } from "./local-session.ts";
import type {
  ChangeSet,
  Chunk,
  ChunkRequest,
  EntryReader,
  Reads,
  RowReader,
  SessionSnapshot,
  SessionTransaction,
} from "./session.ts";

/** A process that asks for more reads at once is made to wait. */
const READS_MAX = 1024;
/**
 * What else it asks may wait for something that it asks later: for the commit that lets go of a
 * lock, for the write that is the change. So that is always heard.
 */
const READS: ReadonlySet<string> = new Set(["get", "getMany", "view", "snapshot"]);
/** So is one that does not take its answers. */
const UNSENT_BYTES_MAX = 8 << 20;

interface ServedWatch {
  readonly changes: AsyncIterator<ChangeSet>;
  readonly stop: () => void;
}

type PackedRow = readonly [version: number, row: Uint8Array];

const packRow: RowReader<PackedRow> = (bytes, at, length, version) => [
  version,
  bytes.slice(at, at + length),
];

const packEntry: EntryReader<unknown> = ({
  keyBytes,
  keyLength,
  valueBytes,
  valueAt,
  valueLength,
}) => [keyBytes.slice(0, keyLength), valueBytes.slice(valueAt, valueAt + valueLength)];

export class AttachServer {
  readonly #world: World;
  readonly #connection: Connection;
  readonly #onClosed: () => void;
  readonly #frames = new FrameReader();
  readonly #transactions = new Map<number, SessionTransaction>();
  readonly #snapshots = new Map<number, SessionSnapshot>();
  readonly #watches = new Map<number, ServedWatch>();
  readonly #opening: Promise<LocalSession>;
  #session: LocalSession | undefined;
  #readCount = 0;
  #isPaused = false;
  #isStopping = false;
  #isClosed = false;

  /** The session may still be to come: the store is being opened. */
  constructor(
    world: World,
    opening: Promise<LocalSession>,
    connection: Connection,
    onClosed: () => void,
  ) {
    this.#world = world;
    this.#connection = connection;
    this.#onClosed = onClosed;
    this.#opening = opening;
    opening.catch(() => {
      connection.destroy();
    });
    connection.handle({
      data: (bytes) => {
        this.#receive(bytes);
      },
      drained: () => {
        this.#resume();
      },
      closed: () => {
        this.#closed();
      },
    });
  }

  /** Takes no more requests; those that were taken are still answered. */
  stop(): void {
    this.#isStopping = true;
    this.#connection.pause();
  }

  /** Ends the connection after what was answered is out. */
  end(): void {
    this.#connection.end();
  }

  #receive(bytes: Uint8Array): void {
    try {
      this.#frames.push(bytes, (message) => {
        this.#take(new Fields(message));
      });
    } catch (error) {
      if (error instanceof AssertionFailure) throw error;
      this.#world.trace.event("attach-malformed", { peer: this.#connection.peer });
      this.#connection.destroy();
    }
  }

  #take(fields: Fields): void {
    const number = fields.number();
    const name = fields.text();
    if (READS.has(name)) this.#readCount++;
    this.#pauseIfFull();
    void this.#answer(number, name, fields);
  }

  async #answer(number: number, name: string, fields: Fields): Promise<void> {
    let reply: Uint8Array | undefined;
    try {
      const session = (this.#session ??= await this.#opening);
      reply = encodeFrame([number, true, await this.#perform(session, name, fields)]);
    } catch (error) {
      if (error instanceof AssertionFailure) this.#throwOutside(error);
      // That this process ends is no answer: whoever asks can go on with the next.
      const isEnd = this.#isStopping && isFault(error, "ERR_CLOSED");
      if (!isEnd) reply = encodeFrame([number, false, packFault(error)]);
    }
    if (READS.has(name)) this.#readCount--;
    if (number !== 0 && reply !== undefined && !this.#isClosed) this.#connection.write(reply);
    this.#resume();
  }

  /** Where it is not taken for what the other process did wrong. */
  #throwOutside(error: AssertionFailure): void {
    this.#world.clock.soon(() => {
      throw error;
    });
  }

  async #perform(session: LocalSession, name: string, fields: Fields): Promise<unknown> {
    switch (name) {
      case "hello":
        return hello(fields, session);
      case "get": {
        const key = fields.bytes();
        return await session.get(key, key.length, packRow);
      }
      case "getMany":
        return await session.getMany(readKeys(fields), packRow);
      case "batch":
        return await runBatch(session, fields);
      case "position":
        return (await session.beginning()).after;
      case "outcome":
        return packOutcome(await session.outcome(readId(new Fields(fields.next()))));
      case "end":
        session.endTransactionId(readId(new Fields(fields.next())));
        return undefined;
      case "snapshot":
        return await this.#openSnapshot(session, fields);
      case "release":
        return this.#release(fields.number());
      case "view":
        return await performRead(find(this.#snapshots, fields.number()), fields);
      case "watch":
        return this.#openWatch(session, fields);
      case "change":
        return await this.#nextChange(fields.number());
      case "unwatch":
        return this.#unwatch(fields.number());
      case "begin":
        return this.#begin(session, fields);
      case "step":
        return await this.#step(fields);
      case "rollback":
        return this.#rollback(fields.number());
      default:
        throw malformed();
    }
  }

  async #openSnapshot(session: LocalSession, fields: Fields): Promise<unknown> {
    const number = fields.number();
    const snapshot = await session.snapshot();
    if (this.#isClosed) snapshot.release();
    else this.#snapshots.set(number, snapshot);
    return snapshot.position;
  }

  #release(number: number): undefined {
    this.#snapshots.get(number)?.release();
    this.#snapshots.delete(number);
  }

  #openWatch(session: LocalSession, fields: Fields): undefined {
    const number = fields.number();
    const range = readRange(new Fields(fields.next()));
    const source = makeAbortSource();
    const changes = session.changes(range, fields.lsn(), source.signal);
    this.#watches.set(number, {
      changes: changes[Symbol.asyncIterator](),
      stop: () => source.abort(undefined),
    });
  }

  async #nextChange(number: number): Promise<unknown> {
    const result = await find(this.#watches, number).changes.next();
    // For whoever still watches it goes on with the next process.
    if (result.done === true) throw new Fault("ERR_CLOSED", "the watch has ended");
    const { version, changes } = result.value;
    return [version, changes.map(({ key, row }) => [key, row])];
  }

  #unwatch(number: number): undefined {
    this.#watches.get(number)?.stop();
    this.#watches.delete(number);
  }

  #begin(session: LocalSession, fields: Fields): unknown {
    const number = fields.number();
    const id = readId(new Fields(fields.next()));
    const age = fields.anyNumber();
    const attempts = fields.number();
    const timeoutMs = fields.number();
    session.adopt(id);
    const transaction = session.begin({ id, age, attempts, timeoutMs });
    this.#transactions.set(number, transaction);
    transaction.onAbort((reason) => {
      // The end of the connection says it too, and that the next process can be asked.
      if (this.#isClosed || this.#isStopping) return;
      this.#connection.write(encodeFrame([0, number, packFault(reason)]));
    });
    return transaction.age;
  }

  /** One step of a transaction. Whatever it gives or refuses, it gives when that is settled. */
  async #step(fields: Fields): Promise<unknown> {
    const number = fields.number();
    const transaction = find(this.#transactions, number);
    const name = fields.text();
    if (name === "commit") {
      const writes = fields.list(readWrite);
      const earliestDeadlineMs = fields.anyNumber() ?? Number.POSITIVE_INFINITY;
      this.#transactions.delete(number);
      const writeCount = writes.length;
      try {
        const request = { writes, writeCount, earliestDeadlineMs };
        return await transaction.commit(request, () => undefined);
      } catch (error) {
        transaction.rollback();
        throw error;
      }
    }
    try {
      return await performStep(transaction, name, fields);
    } finally {
      await transaction.settled();
    }
  }

  #rollback(number: number): undefined {
    this.#transactions.get(number)?.rollback();
    this.#transactions.delete(number);
  }

  #pauseIfFull(): void {
    const isFull = READS_MAX <= this.#readCount || UNSENT_BYTES_MAX <= this.#connection.unsentBytes;
    if (this.#isPaused || !isFull) return;
    this.#isPaused = true;
    this.#connection.pause();
  }

  #resume(): void {
    if (!this.#isPaused || this.#isStopping || this.#isClosed) return;
    if (READS_MAX / 2 < this.#readCount) return;
    if (UNSENT_BYTES_MAX / 2 < this.#connection.unsentBytes) return;
    this.#isPaused = false;
    this.#connection.resume();
  }

  #closed(): void {
    this.#isClosed = true;
    for (const transaction of this.#transactions.values()) transaction.rollback();
    for (const snapshot of this.#snapshots.values()) snapshot.release();
    for (const watch of this.#watches.values()) watch.stop();
    this.#opening.then(
      (session) => session.abandon(),
      () => undefined,
    );
    this.#onClosed();
  }
}

function hello(fields: Fields, session: LocalSession): unknown {
  const version = fields.number();
  if (version !== ATTACH_VERSION) throw malformed();
  const { beganAt, engine, world } = session.holder;
  return [ATTACH_VERSION, session.number, world.clock.wallMs(), beganAt, engine.settledLsn];
}

function readKeys(fields: Fields): readonly Uint8Array[] {
  return fields.list((item) => item.bytes());
}

async function runBatch(session: LocalSession, fields: Fields): Promise<unknown> {
  const id = readId(new Fields(fields.next()));
  const checks = fields.list((item) => ({ key: item.bytes(), version: item.lsn() }));
  const writes = fields.list(readWrite);
  const earliestDeadlineMs = fields.anyNumber() ?? Number.POSITIVE_INFINITY;
  session.adopt(id);
  try {
    const answer = await session.runBatchAs(id, { checks, writes, earliestDeadlineMs });
    return answer.ok ? [true, answer.version] : [false, answer.failedIndex];
  } finally {
    session.endTransactionId(id);
  }
}

async function performStep(
  transaction: SessionTransaction,
  name: string,
  fields: Fields,
): Promise<unknown> {
  if (name === "getForUpdate") {
    const key = fields.bytes();
    return await transaction.getForUpdate(key, key.length, packRow);
  }
  if (name === "apply") return await transaction.apply(fields.list(readWrite));
  if (name === "claim") return await transaction.claim(fields.bytes());
  return await performReadNamed(transaction, name, fields);
}

async function performRead(reads: Reads, fields: Fields): Promise<unknown> {
  return await performReadNamed(reads, fields.text(), fields);
}

async function performReadNamed(reads: Reads, name: string, fields: Fields): Promise<unknown> {
  if (name === "get") {
    const key = fields.bytes();
    return await reads.get(key, key.length, packRow);
  }
  if (name === "getMany") return await reads.getMany(readKeys(fields), packRow);
  if (name !== "scan") throw malformed();
  const range = readRange(new Fields(fields.next()));
  const request: ChunkRequest = { range, reverse: fields.flag(), rowsMax: fields.number() };
  if (request.rowsMax === 0) throw malformed();
  return packChunk(await reads.scan(request, packEntry));
}

function packChunk({ entries, rest }: Chunk<unknown>): unknown {
  return [entries, rest === undefined ? undefined : packRange(rest)];
}

function find<T>(open: ReadonlyMap<number, T>, number: number): T {
  const found = open.get(number);
  if (found === undefined) throw malformed();
  return found;
}
