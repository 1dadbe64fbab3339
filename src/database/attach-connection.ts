/**
 * A connection to the process that has the store open: requests and the answers that belong to
 * them. When it is over, whoever waits for an answer is told so by a `ConnectionLost`.
 */

import { AssertionFailure } from "../base/assert.ts";
import { Fault } from "../base/fault.ts";
import type { Connection } from "../world/network.ts";
import { encodeFrame, FrameReader } from "./attach-frames.ts";
import { Fields, malformed, readFault } from "./attach-protocol.ts";

/** What was asked was not answered: it may have been done, or not. */
export class ConnectionLost extends Fault {
  constructor() {
    const message = "the process that served this database is gone; another takes its place";
    super("ERR_UNAVAILABLE", `${message}, so try again`);
  }
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (reason: Fault) => void;
}

export class AttachConnection {
  readonly #connection: Connection;
  readonly #frames = new FrameReader();
  readonly #waiting = new Map<number, Waiting>();
  /** Hears why a transaction was aborted. */
  onAborted: (transaction: number, reason: Fault) => void = () => undefined;
  /** Hears, once, that the connection is over. */
  onLost: () => void = () => undefined;
  #lastNumber = 0;
  isLost = false;

  constructor(connection: Connection) {
    this.#connection = connection;
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

  /** Says something that has no answer. */
  tell(...message: readonly unknown[]): void {
    if (!this.isLost) this.#connection.write(encodeFrame([0, ...message]));
  }

  /** Ends the connection after what was said is out. */
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
