/**
 * A transaction that a connection holds open between BEGIN and COMMIT or ROLLBACK.
 *
 * Once it was aborted (wounded by an older one, or open for too long) it stays here, refusing every
 * command, until the client has ended it: what the client had already sent for the transaction must
 * not run outside of it.
 */

import { Fault, isFault } from "../base/fault.ts";
import type { Lsn } from "../base/ids.ts";
import type { InteractiveTransaction } from "../transactions/step.ts";
import type { Door } from "./door.ts";

export class Interactive {
  readonly transaction: InteractiveTransaction;
  readonly #door: Door;
  readonly #stopTimer: () => void;
  #timedOut: Fault | undefined;
  /** Whether it gave a key a deadline, which nobody else can see before it is committed. */
  wroteDeadline = false;
  /** Whether it changed the map of databases. */
  #remaps = false;
  /** By their names: the watched keys that it wrote. */
  readonly #touched = new Set<string>();
  #ended = false;

  constructor(door: Door, transaction: InteractiveTransaction) {
    this.#door = door;
    this.transaction = transaction;
    const limitMs = door.settings.transactionTimeoutMs;
    const end = (): void => {
      this.#timedOut = openTooLong(limitMs);
      this.rollback();
    };
    this.#stopTimer = door.clock.after(limitMs, end);
    // The store has the same limit, and may be the first to look at the clock.
    transaction.onAbort((reason) => {
      if (isFault(reason, "ERR_TIMEOUT")) this.#timedOut ??= openTooLong(limitMs);
    });
  }

  /** Why it can only be ended. */
  get aborted(): Error | undefined {
    return this.#timedOut ?? this.transaction.aborted;
  }

  /** The next command changes the map of databases, for good if this commits. */
  remap(): void {
    if (this.#remaps) return;
    this.#remaps = true;
    this.#door.keys.databases.beginChange();
  }

  /** A command wrote these watched keys, for good if this commits. */
  touch(names: readonly string[]): void {
    for (const name of names) this.#touched.add(name);
  }

  async commit(): Promise<Lsn> {
    this.#end();
    try {
      const at = await this.transaction.commit();
      if (this.wroteDeadline) this.#door.keys.deadlinesMayExist = true;
      this.#door.watches.touch([...this.#touched], at);
      this.#endRemap(at);
      return at;
    } catch (error) {
      this.#endRemap(this.#door.store.answerLsn);
      throw error;
    }
  }

  rollback(): void {
    if (this.#ended) return;
    this.#end();
    this.transaction.rollback();
    this.#endRemap(this.#door.store.answerLsn);
  }

  #end(): void {
    this.#ended = true;
    this.#stopTimer();
  }

  #endRemap(at: Lsn): void {
    if (!this.#remaps) return;
    this.#remaps = false;
    this.#door.keys.databases.endChange(at);
  }
}

function openTooLong(limitMs: number): Fault {
  const message =
    `The transaction was open for more than ${limitMs} ms, which is the limit, and was rolled ` +
    'back: run it again, or raise "transaction-timeout-ms"';
  return new Fault("ERR_TIMEOUT", message, { limitMs });
}
