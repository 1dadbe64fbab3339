/**
 * Runs EXEC and WATCH: what their bodies do, and what becomes of the connection when they have come
 * to their end or to nothing. A body may run more than once, and EXEC may hold SELECT and HELLO: it
 * begins each time in the database and with the protocol that the client had before.
 */

import type { Lsn } from "../base/ids.ts";
import type { Request } from "../resp/request.ts";
import type { Step } from "../transactions/step.ts";
import type { Call } from "./command.ts";
import type { Multi } from "./multi.ts";

/** The connection, as its executor has it. */
export interface MultiCall extends Call {
  request: Request;
  readonly multi: Multi;
  /** What is answered next must not leave before this position is settled. */
  depend(at: Lsn): void;
}

export class MultiRun {
  readonly #call: MultiCall;
  #running: "nothing" | "watch" | "exec" = "nothing";
  #databaseBefore = 0;
  #protocolBefore: 2 | 3 = 2;

  constructor(call: MultiCall) {
    this.#call = call;
  }

  beginWatch(): void {
    this.#running = "watch";
  }

  beginExec(): void {
    const { client, reply } = this.#call;
    this.#running = "exec";
    this.#databaseBefore = client.database;
    this.#protocolBefore = reply.protocol;
  }

  /** Within a body: reads what the keys are that are to be watched. */
  watch(step: Step): void {
    const { keys, client, multi, request, reply } = this.#call;
    keys.use(client.database);
    multi.look(step, keys, request, client.database);
    reply.ok();
  }

  /** Within a body: runs what was queued, if no watched key has changed. */
  exec(step: Step): void {
    const call = this.#call;
    const { reply, keys, client, multi } = call;
    this.#restore();
    if (!multi.unchanged(step, keys)) {
      reply.nilArray();
      return;
    }
    const { commands, requests } = multi;
    reply.array(commands.length);
    requests.rewind();
    const rows = this.#rows();
    for (const command of commands) {
      call.request = requests.read();
      keys.use(client.database);
      step.willFind(rows);
      command.runInStep(step, call);
    }
  }

  /**
   * The rows of the keys that were queued, as if all were in the database in use. They are asked
   * for when one is missing: then this run ends, and no request that was read is needed any more.
   */
  #rows(): Iterable<Uint8Array> {
    const { keys, multi } = this.#call;
    return { [Symbol.iterator]: () => multi.rows(keys) };
  }

  /** A body has come to its end, maybe one of these. */
  ended(): void {
    const { multi } = this.#call;
    if (this.#running === "watch") multi.watch();
    else if (this.#running === "exec") {
      this.#call.depend(multi.touchedAt);
      multi.clear();
    }
    this.#running = "nothing";
  }

  /** A body has failed, maybe one of these. */
  failed(): void {
    if (this.#running === "exec") {
      this.#restore();
      this.#call.multi.clear();
    }
    this.#running = "nothing";
  }

  #restore(): void {
    const { client, reply } = this.#call;
    client.database = this.#databaseBefore;
    reply.protocol = this.#protocolBefore;
  }
}
