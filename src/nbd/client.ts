/**
 * One connection of an NBD client: carries out what its session says.
 *
 * A client that sends faster than its requests are done, or doesn't read its replies, is not read
 * from; one that stays in the middle of something for too long is dropped. Neither is felt by
 * anyone else.
 */

import { must, unreachable } from "../base/assert.ts";
import { messageOf } from "../base/fault.ts";
import type { Connection, ConnectionHandler, ServerTls } from "../world/network.ts";
import type { World } from "../world/world.ts";
import type { NbdExport } from "./export.ts";
import { type Job, Session, type SessionEffect } from "./session.ts";
import type { NbdServerOptions } from "./settings.ts";
import type { NbdStats } from "./stats.ts";

export interface ClientOwner {
  readonly world: Pick<World, "clock" | "trace">;
  readonly exports: readonly NbdExport[];
  readonly settings: NbdServerOptions;
  readonly tls: ServerTls | undefined;
  readonly stats: NbdStats;
  clientClosed(client: Client): void;
}

export class Client implements ConnectionHandler {
  readonly #owner: ClientOwner;
  readonly #session: Session<NbdExport>;
  readonly #connectedMs: number;
  #connection: Connection;
  #lastActiveMs: number;
  #paused = false;
  #closed = false;
  /** Since when the client has left something unfinished or unread; undefined: it has not. */
  #stuckSinceMs: number | undefined;
  #takenCountSeen = 0;
  #unsentBytesSeen = 0;

  constructor(owner: ClientOwner, connection: Connection) {
    this.#owner = owner;
    this.#connection = connection;
    this.#session = new Session(owner);
    this.#connectedMs = owner.world.clock.monotonicMs();
    this.#lastActiveMs = this.#connectedMs;
  }

  /** Says the first word. To be called once the connection hands its bytes to this client. */
  greet(): void {
    this.#carryOut([this.#session.greet()]);
  }

  data(bytes: Uint8Array): void {
    this.#owner.stats.bytesReceived += bytes.length;
    this.#lastActiveMs = this.#owner.world.clock.monotonicMs();
    this.#carryOut(this.#session.receive(bytes));
    this.#mind();
  }

  drained(): void {
    this.#mind();
  }

  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#session.closed();
    this.#owner.clientClosed(this);
  }

  /** Answers what is under way, then closes the connection. */
  finish(): void {
    this.#carryOut(this.#session.shutDown());
  }

  /** Closes the connection at once. */
  destroy(): void {
    this.#connection.destroy();
  }

  /** Closes the connection if its client took too long over something. */
  checkTime(nowMs: number): void {
    const { settings, stats } = this.#owner;
    const { handshakeTimeoutMs, requestTimeoutMs, idleTimeoutMs } = settings;
    const isStranger = !this.#session.transmits;
    const isIdle = 0 < idleTimeoutMs && this.#session.inFlightCount === 0;
    const isOver =
      requestTimeoutMs < this.#stuckMs(nowMs) ||
      (isStranger && handshakeTimeoutMs < nowMs - this.#connectedMs) ||
      (isIdle && idleTimeoutMs < nowMs - this.#lastActiveMs);
    if (!isOver) return;
    stats.connectionsTimedOut++;
    this.#trace("nbd-timed-out");
    this.destroy();
  }

  /** For how long the client has left one request unfinished or its replies unread. */
  #stuckMs(nowMs: number): number {
    const { takenCount, isWithin, blocked } = this.#session;
    const { unsentBytes } = this.#connection;
    const unfinished = isWithin && !blocked && takenCount === this.#takenCountSeen;
    const unread = 0 < unsentBytes && unsentBytes === this.#unsentBytesSeen;
    this.#takenCountSeen = takenCount;
    this.#unsentBytesSeen = unsentBytes;
    if (!unfinished && !unread) this.#stuckSinceMs = undefined;
    else this.#stuckSinceMs ??= nowMs;
    return this.#stuckSinceMs === undefined ? 0 : nowMs - this.#stuckSinceMs;
  }

  #carryOut(effects: readonly SessionEffect<NbdExport>[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case "send":
          this.#owner.stats.bytesSent += effect.bytes.length;
          this.#connection.write(effect.bytes);
          break;
        case "perform":
          void this.#perform(effect.job);
          break;
        case "start tls":
          void this.#startTls();
          break;
        case "end":
          this.#trace("nbd-ended", effect.reason);
          this.#connection.end();
          break;
        default:
          unreachable(effect);
      }
    }
  }

  async #perform(job: Job<NbdExport>): Promise<void> {
    const { stats } = this.#owner;
    stats.requests++;
    const outcome = await job.export.perform(job.request);
    if (outcome.kind === "refused") {
      stats.errorReplies++;
      this.#trace("nbd-request-failed", outcome.message);
    }
    this.#carryOut(this.#session.answer(job, outcome));
    this.#mind();
  }

  async #startTls(): Promise<void> {
    const tls = must(this.#owner.tls, "TLS is agreed on only where it is to be had");
    let secure: Connection;
    try {
      secure = await tls.secure(this.#connection);
    } catch (error) {
      this.#owner.stats.tlsFailures++;
      this.#trace("nbd-tls-failed", messageOf(error));
      this.closed();
      return;
    }
    this.#connection = secure;
    secure.handle(this);
    this.#session.secured();
  }

  /** Goes on with what waited, if there is room now, and reads on or stops reading. */
  #mind(): void {
    if (this.#closed) return;
    const session = this.#session;
    session.throttled = this.#owner.settings.outputPauseBytes < this.#connection.unsentBytes;
    this.#carryOut(session.goOn());
    if (session.blocked === this.#paused) return;
    this.#paused = session.blocked;
    if (this.#paused) this.#connection.pause();
    else this.#connection.resume();
  }

  #trace(name: string, reason?: string): void {
    this.#owner.world.trace.event(name, { peer: this.#connection.peer, reason });
  }
}
