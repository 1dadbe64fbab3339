/**
 * A connection of the host: a TCP or local socket.
 *
 * All connections read into one buffer that is handed out in place, so that a chunk that comes in
 * allocates nothing. `closed` is called exactly once, after which nothing follows, and a
 * connection that was ended lingers until the other side has closed too, since closing with
 * unread bytes would make the system throw away what is still on its way out.
 */

import type { Socket } from "node:net";
import { availableParallelism } from "node:os";
import { assert } from "../base/assert.ts";
import type { Connection, ConnectionHandler } from "../world/network.ts";
import { Alertness } from "./alertness.ts";

const LINGER_MS = 2000;

/** What reads go into: valid during the callback only, and so enough for all connections. */
export const incomingBuffer: Uint8Array<ArrayBuffer> = new Uint8Array(65_536);
/** Its beginnings, by length: most chunks are short, and many as long as one before. */
const beginnings: (Uint8Array | undefined)[] = Array.from({ length: 1024 });

/** The chunk of so many bytes that was read into `incomingBuffer`. */
export function incomingChunk(count: number): Uint8Array {
  if (beginnings.length <= count) return incomingBuffer.subarray(0, count);
  return (beginnings[count] ??= incomingBuffer.subarray(0, count));
}

/** None where who stays awake would keep the client from the only processor. */
const alertness: Alertness | undefined =
  availableParallelism() > 1
    ? new Alertness({ nowMs: () => performance.now(), soon: setImmediate })
    : undefined;

export class HostConnection implements Connection {
  readonly peer: string;
  readonly #socket: Socket;
  #handler: ConnectionHandler | undefined;
  #ended = false;

  constructor(socket: Socket, peer: string) {
    this.#socket = socket;
    this.peer = peer;
    // `close` follows every error, and is what the handler is told.
    socket.on("error", () => undefined);
    socket.on("drain", () => this.#handler?.drained());
    socket.on("close", () => {
      const handler = this.#handler;
      this.#handler = undefined;
      handler?.closed();
    });
  }

  /** Takes what the socket has read; false stops the reading. */
  incoming(bytes: Uint8Array): boolean {
    alertness?.heard();
    if (!this.#ended) this.#handler?.data(bytes);
    return !this.#socket.isPaused() || this.#ended;
  }

  handle(handler: ConnectionHandler): void {
    assert(this.#handler === undefined, "a connection has one handler");
    this.#handler = handler;
  }

  /** Gives the socket away: what comes in and how it ends is told to the handler no more. */
  detach(): Socket {
    this.#handler = undefined;
    return this.#socket;
  }

  write(bytes: Uint8Array): boolean {
    // Whoever is told to wait will be told next that the connection is over.
    if (this.#ended || this.#socket.destroyed) return false;
    const isSent = this.#socket.write(bytes);
    alertness?.answered();
    return isSent;
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    if (this.#ended || this.#socket.destroyed) return;
    this.#ended = true;
    this.#socket.end();
    this.#socket.resume();
    const linger = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#socket.once("close", () => {
      clearTimeout(linger);
    });
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
