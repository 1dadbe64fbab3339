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
import { Beginnings } from "./beginnings.ts";

const LINGER_MS = 2000;
const SHORT_BYTES_MAX = 1024;

/** What reads go into: valid during the callback only, and so enough for all connections. */
export const incomingChunks: Beginnings = new Beginnings(new Uint8Array(65_536));

/**
 * What short writes leave from, of all connections: memory that is near to the processor, and of
 * the kind that Node sends as it is. When a write does not leave at once it keeps the memory.
 */
let outgoingChunks = new Beginnings(Buffer.alloc(SHORT_BYTES_MAX));

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
  /** Whether every short write has left at once. */
  #takesAtOnce = true;

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
    const isShort = this.#takesAtOnce && bytes.length <= SHORT_BYTES_MAX;
    const isSent = isShort ? this.#writeShort(bytes) : this.#socket.write(bytes);
    alertness?.answered();
    return isSent;
  }

  #writeShort(bytes: Uint8Array): boolean {
    const chunk = outgoingChunks.of(bytes.length);
    chunk.set(bytes);
    const isSent = this.#socket.write(chunk);
    this.#takesAtOnce = this.unsentBytes === 0;
    if (!this.#takesAtOnce) outgoingChunks = new Beginnings(Buffer.alloc(SHORT_BYTES_MAX));
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
