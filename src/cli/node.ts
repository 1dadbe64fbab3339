/**
 * One serving node: a store, the Redis door and the HTTP door, started and stopped in an order
 * that keeps its promises.
 *
 * It guarantees that
 *
 *  1. `/livez` answers from the first moment, `/readyz` only while requests are served;
 *  2. when it stops, the doors close before the store, so nobody is cut off within an answer that
 *     there was time for; the store is closed cleanly in every case, also one that is only being
 *     opened, which then serves nobody;
 *  3. when the store fails, the node says so and stops: nothing is acknowledged after it.
 */

import type { Logger } from "pino";
import type { DiskArray } from "../arrays/disk-array.ts";
import { isFault, messageOf } from "../base/fault.ts";
import type { TransactionStore } from "../transactions/step.ts";
import { HttpDoor } from "./http-door.ts";
import { Metrics } from "./metrics.ts";
import type { Figure, NodeState, NodeStatus } from "./node-health.ts";
import { type Settings, whereOf } from "./settings-table.ts";
import { version } from "./version.ts";

const MS_PER_SECOND = 1_000;

export interface NodeOptions {
  readonly settings: Settings;
  readonly password: string | undefined;
  readonly logger: Logger;
  readonly openStore: () => Promise<OpenedStore>;
  readonly openDoor: (store: TransactionStore) => Promise<OpenedDoor>;
}

export interface OpenedStore {
  readonly store: TransactionStore;
  readonly figures: readonly Figure[];
  /** Undefined for a store in a directory. */
  readonly array: DiskArray | undefined;
  close(): Promise<void>;
}

export interface OpenedDoor {
  readonly port: number;
  readonly figures: readonly Figure[];
  /** Takes no new clients, finishes what clients have begun, and closes; bounded in time. */
  close(timeoutMs: number): Promise<void>;
}

export class ServingNode {
  readonly #options: NodeOptions;
  readonly #metrics = new Metrics();
  readonly #startedAt = new Date().toISOString();
  readonly #ended: Promise<Error | undefined>;
  #end: (failure: Error | undefined) => void = () => {};
  #state: NodeState = "starting";
  #reason: string | undefined = "the store is being opened";
  #http: HttpDoor | undefined;
  #opened: OpenedStore | undefined;
  #door: OpenedDoor | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /**
   * Resolves with true once requests are served, with false if it was stopped before. Rejects, with
   * all closed again, if they cannot be served.
   */
  async start(): Promise<boolean> {
    this.#starting = this.#startInOrder();
    try {
      await this.#starting;
    } catch (error) {
      await this.stop();
      throw error;
    }
    return this.#state === "ready";
  }

  /** The ports that were bound, known once it has started. */
  get ports(): { readonly redis: number | undefined; readonly http: number | undefined } {
    return { redis: this.#door?.port, http: this.#http?.port };
  }

  /** Resolves when the node has stopped: with the failure that stopped it, if one did. */
  get ended(): Promise<Error | undefined> {
    return this.#ended;
  }

  status(): NodeStatus {
    const { settings } = this.#options;
    return {
      state: this.#state,
      reason: this.#reason,
      version,
      pid: process.pid,
      startedAt: this.#startedAt,
      dataDirectory: whereOf(settings),
      host: settings.host,
      port: this.#door?.port,
      array: this.#opened?.array?.status(),
      figures: this.#metrics.figures(),
    };
  }

  /** Drains and closes. Further calls wait for the first. */
  async stop(failure?: Error): Promise<void> {
    this.#stopping ??= this.#stopInOrder(failure);
    await this.#stopping;
  }

  async #startInOrder(): Promise<void> {
    const { settings, password, openStore, openDoor, logger } = this.#options;
    this.#metrics.add(this.#ownFigures());
    this.#http = await HttpDoor.open(
      {
        host: settings["http-host"],
        port: settings["http-port"],
        allowedHosts: settings["allowed-hosts"],
        password,
      },
      () => this.status(),
      this.#metrics,
    );

    logger.info({ data: whereOf(settings) }, "opening the store");
    this.#opened = await openStore();
    this.#metrics.add(this.#opened.figures);
    this.#opened.store.onFailure((failure) => this.#fail(failure));
    if (this.#isStopping()) return;

    this.#door = await openDoor(this.#opened.store);
    this.#metrics.add(this.#door.figures);
    if (this.#opened.store.failure !== undefined) throw this.#opened.store.failure;
    if (this.#isStopping()) return;
    this.#state = "ready";
    this.#reason = undefined;
  }

  #fail(failure: Error): void {
    // A store that is closed in good order calls that its end, too.
    if (this.#state === "failed" || isFault(failure, "ERR_CLOSED")) return;
    this.#state = "failed";
    this.#reason = failure.message;
    this.#options.logger.fatal(
      { error: failure.message },
      "the store has failed and the server stops: whatever was acknowledged is in the log; " +
        "mend the cause and start it again",
    );
    this.stop(failure).catch((error: unknown) => {
      this.#options.logger.error({ error: messageOf(error) }, "closing a failed store");
    });
  }

  #isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  async #stopInOrder(failure: Error | undefined): Promise<void> {
    if (failure === undefined) this.#state = "draining";
    // What is being opened can only be closed once it is open; whoever starts hears what fails.
    await this.#starting?.catch(() => undefined);
    // A failed store answers nobody, so there is nothing to wait for.
    const drainMs =
      failure === undefined ? this.#options.settings["drain-timeout"] * MS_PER_SECOND : 0;

    const problems: unknown[] = [];
    const closings = [
      async () => await this.#door?.close(drainMs),
      async () => await this.#opened?.close(),
      async () => await this.#http?.close(),
    ];
    for (const close of closings) {
      // One that cannot be closed must not keep the others open.
      await close().catch((error: unknown) => problems.push(error));
    }
    this.#end(failure);
    if (problems.length === 0) return;
    if (failure === undefined) throw problems[0];
    this.#options.logger.error({ error: messageOf(problems[0]) }, "closing a failed store");
  }

  #ownFigures(): readonly Figure[] {
    return [
      {
        name: "holdfast_ready",
        help: "1 while requests are served, 0 otherwise",
        kind: "gauge",
        read: () => (this.#state === "ready" ? 1 : 0),
      },
    ];
  }
}
