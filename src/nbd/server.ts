/**
 * The NBD server: accepts connections and serves exports to them.
 *
 * Who may connect is decided by where it listens and by TLS; whoever opens it sees to that. Past
 * the limit of connections a new one is closed without a word, since the protocol has none.
 */

import { assert } from "../base/assert.ts";
import { utf8Length } from "../base/utf8.ts";
import type { Address, Connection, Listener, ServerTls } from "../world/network.ts";
import type { World } from "../world/world.ts";
import { Client, type ClientOwner } from "./client.ts";
import type { NbdExport } from "./export.ts";
import { EXPORT_NAME_BYTES_MAX, type NbdServerOptions } from "./settings.ts";
import { NbdStats } from "./stats.ts";

/** How often connections are looked at for having taken too long, and exports for changes. */
const CHECK_INTERVAL_MS = 1000;
/** At its end the server waits so long for what is under way, then closes every connection. */
const CLOSE_WAIT_MS = 5000;
const CLOSE_POLL_MS = 10;

export type NbdWorld = Pick<World, "clock" | "network" | "trace">;

export class NbdServer implements ClientOwner {
  readonly world: NbdWorld;
  readonly exports: readonly NbdExport[];
  readonly settings: NbdServerOptions;
  readonly tls: ServerTls | undefined;
  readonly stats: NbdStats = new NbdStats();
  readonly #listeners: Listener[] = [];
  readonly #clients = new Set<Client>();
  #stopCheck: (() => void) | undefined;
  #closing = false;

  constructor(
    world: NbdWorld,
    exports: readonly NbdExport[],
    settings: NbdServerOptions,
    tls?: ServerTls,
  ) {
    assert(settings.tls === "off" || tls !== undefined, "TLS needs somebody who does it");
    assert(
      settings.requestBytesMax <= settings.inFlightBytesMax,
      "the longest request may be under way",
    );
    for (const { name } of exports) {
      assert(utf8Length(name) <= EXPORT_NAME_BYTES_MAX, "the name of an export fits the protocol");
    }
    this.world = world;
    this.exports = exports;
    this.settings = settings;
    this.tls = tls;
  }

  get connectionCount(): number {
    return this.#clients.size;
  }

  /** Takes connections at the address; returns it with the port that was given. */
  async listen(address: Address): Promise<Address> {
    const listener = await this.world.network.listen(address, (one) => this.accept(one));
    this.#listeners.push(listener);
    return listener.address;
  }

  /** Serves the connection, which has just been made. */
  accept(connection: Connection): void {
    if (this.#closing || this.settings.connectionCountMax <= this.#clients.size) {
      this.stats.connectionsRefused++;
      this.world.trace.event("nbd-refused", { peer: connection.peer });
      connection.handle({ data: ignore, drained: ignore, closed: ignore });
      connection.destroy();
      return;
    }
    this.stats.connectionsAccepted++;
    const client = new Client(this, connection);
    this.#clients.add(client);
    connection.handle(client);
    client.greet();
    this.#stopCheck ??= this.#checkLater();
  }

  /** Takes no more connections, answers what is under way, then closes the rest. */
  async close(waitMs: number = CLOSE_WAIT_MS): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#listeners.map(async (listener) => await listener.close()));
    for (const client of this.#clients) client.finish();
    await this.#whenEmpty(waitMs);
    this.#stopCheck?.();
    this.#stopCheck = undefined;
    for (const exported of this.exports) await exported.settled();
  }

  clientClosed(client: Client): void {
    this.#clients.delete(client);
  }

  #checkLater(): () => void {
    const { clock } = this.world;
    return clock.after(CHECK_INTERVAL_MS, () => {
      const nowMs = clock.monotonicMs();
      for (const client of this.#clients) client.checkTime(nowMs);
      for (const exported of this.exports) exported.writeBack(nowMs);
      const isBusy = 0 < this.#clients.size || this.exports.some(({ isChanged }) => isChanged);
      this.#stopCheck = isBusy ? this.#checkLater() : undefined;
    });
  }

  async #whenEmpty(waitMs: number): Promise<void> {
    const { clock } = this.world;
    const untilMs = clock.monotonicMs() + waitMs;
    while (0 < this.#clients.size && clock.monotonicMs() < untilMs) {
      await new Promise<void>((resolve) => {
        clock.after(CLOSE_POLL_MS, resolve);
      });
    }
    for (const client of this.#clients) client.destroy();
  }
}

function ignore(): void {
  // A connection that was refused has nothing to say.
}
