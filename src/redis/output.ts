/**
 * The way out of a connection. It guarantees that
 *
 *  1. no reply leaves before the position in the log that it depends on is settled;
 *  2. replies leave in the order of their commands, with one write a turn, when `flush` is called;
 *  3. when the store fails, each command whose reply can never leave is answered by an error that
 *     says whether it may have been applied.
 *
 * Replies are gated a turn at a time: what was answered to the commands of one chunk of input is a
 * segment, which waits for the newest position that any of them depends on.
 */

import type { Lsn } from "../base/ids.ts";
import type { ReplyWriter } from "../resp/reply-writer.ts";
import type { Connection } from "../world/network.ts";
import type { DoorStats } from "./stats.ts";

interface Segment {
  /** Where it ends in the stream of replies. */
  readonly end: number;
  readonly needs: Lsn;
  readonly commandCount: number;
  /** Whether one of the commands may have written. */
  readonly wrote: boolean;
  next: Segment | undefined;
}

export class Output {
  readonly #writer: ReplyWriter;
  readonly #connection: Connection;
  /** What waits, in order. */
  #first: Segment | undefined;
  #last: Segment | undefined;
  #sealedPosition = 0;
  /** Up to here in the stream nothing depends on what is not settled. */
  #readyPosition = 0;
  readonly #stats: DoorStats;

  constructor(writer: ReplyWriter, connection: Connection, stats: DoorStats) {
    this.#stats = stats;
    this.#writer = writer;
    this.#connection = connection;
  }

  /** Whether replies wait for the log. */
  get waits(): boolean {
    return this.#first !== undefined;
  }

  /** Whether replies wait for `flush`. */
  get isReady(): boolean {
    return this.#writer.sentPosition < this.#readyPosition;
  }

  /** Bytes of replies that the client's side of the connection has not taken. */
  get pendingBytes(): number {
    return this.#writer.unsentBytes + this.#connection.unsentBytes;
  }

  /**
   * Ends a segment with what was kept since the last one. If it may not leave yet, true is
   * returned, and `release` must be called as the log settles.
   */
  seal(needs: Lsn, settled: Lsn, commandCount: number, wrote: boolean): boolean {
    const end = this.#writer.keptPosition;
    if (end === this.#sealedPosition && commandCount === 0) return this.waits;
    this.#sealedPosition = end;
    if (this.#first === undefined && needs <= settled) {
      this.#readyPosition = end;
      return false;
    }
    const segment: Segment = { end, needs, commandCount, wrote, next: undefined };
    if (this.#last === undefined) this.#first = segment;
    else this.#last.next = segment;
    this.#last = segment;
    return true;
  }

  /** Lets go what depends on nothing after `settled`; true if more waits. */
  release(settled: Lsn): boolean {
    let segment = this.#first;
    while (segment !== undefined && segment.needs <= settled) {
      this.#readyPosition = segment.end;
      segment = segment.next;
    }
    this.#first = segment;
    if (segment === undefined) this.#last = undefined;
    return segment !== undefined;
  }

  /** Sends what is ready. */
  flush(): void {
    if (this.isReady) {
      const bytes = this.#writer.take(this.#readyPosition);
      this.#stats.bytesSent += bytes.length;
      this.#connection.write(bytes);
    }
    this.recycle();
  }

  /** Nothing more will settle: sends what is ready, and answers what waits by errors instead. */
  fail(unknown: string, unavailable: string): void {
    let failed = this.#first;
    this.#first = undefined;
    this.#last = undefined;
    this.flush();
    if (failed === undefined) return;
    this.#writer.cut(this.#writer.sentPosition);
    for (; failed !== undefined; failed = failed.next) {
      const text = failed.wrote ? unknown : unavailable;
      for (let count = 0; count < failed.commandCount; count++) this.#writer.error(text);
    }
    this.#writer.keep();
    this.#sealedPosition = this.#writer.keptPosition;
    this.#readyPosition = this.#sealedPosition;
    this.flush();
  }

  /** The connection may have sent what it had. */
  recycle(): void {
    if (this.#connection.unsentBytes === 0) this.#writer.recycle();
  }
}
