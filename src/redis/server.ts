/**
 * The Redis door: accepts connections, gives each a session, lets replies go as the log settles,
 * and closes the connections of clients that take too long. Without a password it is for loopback
 * alone; whoever opens it sees to that.
 */

import type { Lsn } from "../base/ids.ts";
import type { TransactionStore } from "../transactions/step.ts";
import type { Address, Connection, Listener } from "../world/network.ts";
import { allCommands } from "./commands/all-commands.ts";
import { Door, type DoorWorld } from "./door.ts";
import { Housekeeping } from "./housekeeping.ts";
import { Session, type SessionOwner } from "./session.ts";
import type { RedisServerOptions } from "./settings.ts";
import type { DoorStats } from "./stats.ts";

/** How often connections are looked at for having taken too long. */
const CHECK_INTERVAL_MS = 1000;
/** At its end the door waits so long for what is under way, then closes every connection. */
const CLOSE_WAIT_MS = 5000;
const CLOSE_POLL_MS = 10;

export class RedisServer implements SessionOwner {
  readonly #door: Door;
  readonly #housekeeping: Housekeeping;
  readonly #listeners: Listener[] = [];
  readonly #sessions = new Set<Session>();
  /** Whose replies wait for the log. */
  #waiting: Session[] = [];
  #released: Session[] = [];
  /** Whose replies are ready to leave. */
  #ready: Session[] = [];
  #flushed: Session[] = [];
  readonly #flush = (): void => this.flush();
  readonly #stops: (() => void)[] = [];
  #stopCheck: (() => void) | undefined;
  #closing = false;

  constructor(world: DoorWorld, store: TransactionStore, options: RedisServerOptions) {
    this.#door = new Door(world, store, { ...options }, allCommands);
    this.#housekeeping = new Housekeeping(this.#door);
    this.#stops.push(
      store.onSettled(() => this.#release(store.settledLsn)),
      store.onFailure(() => this.#storeFailed()),
    );
    this.#housekeeping.start();
  }

  /** Plain numbers, for metrics. */
  get stats(): Readonly<DoorStats> {
    return this.#door.stats;
  }

  get connectionCount(): number {
    return this.#sessions.size;
  }

  /** Takes connections at the address; returns it with the port that was given. */
  async listen(address: Address): Promise<Address> {
    const { network } = this.#door.world;
    const listener = await network.listen(address, (connection) => this.accept(connection));
    this.#listeners.push(listener);
    if (listener.address.kind === "tcp") {
      this.#door.host = listener.address.host;
      this.#door.port = listener.address.port;
    }
    return listener.address;
  }

  /** Serves the connection, which has just been made. */
  accept(connection: Connection): void {
    const { stats, settings, clients } = this.#door;
    if (this.#closing || settings.connectionCountMax <= this.#sessions.size) {
      stats.connectionsRefused++;
      refuse(connection, this.#closing ? SHUTTING_DOWN : TOO_MANY_CLIENTS);
      return;
    }
    stats.connectionsAccepted++;
    const session = new Session(this, this.#door, connection);
    this.#sessions.add(session);
    clients.set(session.client.id, session.client);
    connection.handle(session);
    this.#stopCheck ??= this.#checkLater();
  }

  /** Takes no more connections, answers what is under way, then closes the rest. */
  async close(waitMs: number = CLOSE_WAIT_MS): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#listeners.map(async (listener) => await listener.close()));
    await this.#housekeeping.stop();
    for (const session of this.#sessions) session.finish();
    await this.#whenEmpty(waitMs);
    for (const stop of this.#stops) stop();
    this.#stopCheck?.();
  }

  awaitSettled(session: Session): void {
    if (session.enlisted) return;
    session.enlisted = true;
    this.#waiting.push(session);
  }

  flushSoon(session: Session): void {
    if (session.flushing) return;
    session.flushing = true;
    if (this.#ready.length === 0) this.#door.clock.soon(this.#flush);
    this.#ready.push(session);
  }

  /**
   * Sends the replies that are ready. It happens by itself at the end of a turn: then those who
   * are answered find many answers at once, and are not woken for each while we are busy.
   */
  flush(): void {
    const ready = this.#ready;
    this.#ready = this.#flushed;
    for (const session of ready) session.flush();
    ready.length = 0;
    this.#flushed = ready;
  }

  sessionClosed(session: Session): void {
    this.#sessions.delete(session);
    this.#door.clients.delete(session.client.id);
  }

  #release(settled: Lsn): void {
    const waiting = this.#waiting;
    this.#waiting = this.#released;
    for (const session of waiting) session.release(settled);
    waiting.length = 0;
    this.#released = waiting;
  }

  #storeFailed(): void {
    for (const session of this.#sessions) session.storeFailed();
  }

  #checkLater(): () => void {
    const { stats } = this.#door;
    const processedBefore = stats.commandsProcessed;
    return this.#door.clock.after(CHECK_INTERVAL_MS, () => {
      const nowMs = this.#door.clock.monotonicMs();
      const isDeserted = this.#sessions.size === 0;
      const processed = Math.max(0, stats.commandsProcessed - processedBefore);
      stats.commandsPerSecond = isDeserted ? 0 : processed;
      for (const session of this.#sessions) session.checkTime(nowMs);
      this.#stopCheck = isDeserted ? undefined : this.#checkLater();
    });
  }

  async #whenEmpty(waitMs: number): Promise<void> {
    const { clock } = this.#door;
    const untilMs = clock.monotonicMs() + waitMs;
    while (this.#sessions.size > 0 && clock.monotonicMs() < untilMs) {
      await new Promise<void>((resolve) => {
        clock.after(CLOSE_POLL_MS, resolve);
      });
    }
    for (const session of this.#sessions) session.kill();
  }
}

const TOO_MANY_CLIENTS = "-ERR max number of clients reached\r\n";
const SHUTTING_DOWN = "-UNAVAILABLE the server is shutting down\r\n";

function refuse(connection: Connection, text: string): void {
  connection.handle({ data: ignore, drained: ignore, closed: ignore });
  connection.write(Uint8Array.from(text, (character) => character.charCodeAt(0)));
  connection.end();
}

function ignore(): void {
  // A connection that was refused has nothing to say.
}
