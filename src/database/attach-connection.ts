/**
 * A connection to the process that has the store open: requests and the answers that belong to
 * them. When it is over, whoever waits for an answer is told so by a `ConnectionLost`.
 */

import { AssertionFailure } from "../base/assert.ts";
import { Fault } from "../base/fault.ts";
import type { Connection } from "../world/network.ts";
import type { Clock } from "../world/world.ts";
import { encodeFrame, FrameReader } from "./attach-frames.ts";
import { Fields, malformed, readFault } from "./attach-protocol.ts";

/** What was asked was not answered: it may have been done, or not. */
export class ConnectionLost extends Fault {
  constructor() {
    const message = "the process that served this database is gone; another takes its place";
    super("ERR_UNAVAILABLE", `${message}, so try again`);
  }
}

/** Whoever has the store open is stopped, or hangs: what was asked may be done yet, or not. */
export class NoAnswer extends Fault {
  constructor(answerMs: number) {
    const message = `the process that has the store open has not answered for ${answerMs} ms`;
    super("ERR_TIMEOUT", `${message}; see whether it is stopped, and try again`, { answerMs });
  }
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (reason: Fault) => void;
}

export class AttachConnection {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #answerMs: number;
  readonly #frames = new FrameReader();
  readonly #waiting = new Map<number, Waiting>();
  /** Hears why a transaction was aborted. */
  onAborted: (transaction: number, reason: Fault) => void = () => undefined;
  /** Hears, once, that the connection is over. */
  onLost: () => void = () => undefined;
  #lastNumber = 0;
  isLost = false;

  /** What is asked is answered within `answerMs`. */
  constructor(connection: Connection, clock: Clock, answerMs: number) {
    this.#connection = connection;
    this.#clock = clock;
    this.#answerMs = answerMs;
    connection.handle({
      data: (bytes) => {
        this.#receive(bytes);
      },
      drained: () => undefined,
      closed: () => {
        this.#lost();
      },
    });
  }

  /** A number that no other request, transaction or view of this connection has. */
  nextNumber(): number {
    return ++this.#lastNumber;
  }

  /** Resolves with the answer. Rejects at once if the message cannot be sent. */
  async request(...message: readonly unknown[]): Promise<unknown> {
    if (this.isLost) throw new ConnectionLost();
    const number = this.nextNumber();
    const frame = encodeFrame([number, ...message]);
    return await new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      this.#connection.write(frame);
    });
  }

  /** As `request`, for what does not wait for anything else than its turn: or `NoAnswer`. */
  async ask(...message: readonly unknown[]): Promise<unknown> {
    let stopTimer: (() => void) | undefined;
    const limit = new Promise<never>((_resolve, reject) => {
      stopTimer = this.#clock.after(this.#answerMs, () => reject(new NoAnswer(this.#answerMs)));
    });
    try {
      return await Promise.race([this.request(...message), limit]);
    } finally {
      stopTimer?.();
    }
  }

  /** Says something that has no answer. */
  tell(...message: readonly unknown[]): void {
    if (!this.isLost) this.#connection.write(encodeFrame([0, ...message]));
  }

  /** Ends the connection after what was said is out. */
  end(): void {
    this.#connection.end();
  }

  /** Ends the connection at once. */
  destroy(): void {
    this.#connection.destroy();
  }

  #receive(bytes: Uint8Array): void {
    try {
      this.#frames.push(bytes, (message) => {
        this.#take(new Fields(message));
      });
    } catch (error) {
      if (error instanceof AssertionFailure) throw error;
      this.#connection.destroy();
    }
  }

  #take(fields: Fields): void {
    const number = fields.number();
    if (number === 0) {
      this.onAborted(fields.number(), readFault(new Fields(fields.next())));
      return;
    }
    const waiting = this.#waiting.get(number);
    if (waiting === undefined) throw malformed();
    this.#waiting.delete(number);
    if (fields.flag()) waiting.resolve(fields.next());
    else waiting.reject(readFault(new Fields(fields.next())));
  }

  #lost(): void {
    this.isLost = true;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(new ConnectionLost());
    this.onLost();
  }
}
