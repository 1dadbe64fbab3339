/**
 * Transaction histories of a database that runs its transactions one at a time, each at a moment
 * between its begin and its end: strictly serializable by construction. Some are aborted, and of
 * some the outcome is not known.
 */

import { SmallRandom } from "./small-random.ts";
import { FAIL, INFO, OK, TransactionLog } from "./transaction-log.ts";

export interface TransactionMix {
  readonly seed: number;
  readonly transactionCount: number;
  /** Keys in use at one time; a key that was written `writesPerKey` times is replaced. */
  readonly keyCount: number;
  readonly writesPerKey: number;
  readonly operationsMax: number;
  readonly sessionCount: number;
  /** One in so many is aborted, and as many remain unknown; 0 is none. */
  readonly troubleOneIn: number;
  readonly kind: "list-append" | "rw-register";
}

export const defaultMix: TransactionMix = {
  seed: 1,
  transactionCount: 100,
  keyCount: 10,
  writesPerKey: 32,
  operationsMax: 4,
  sessionCount: 10,
  troubleOneIn: 20,
  kind: "list-append",
};

export function serialTransactions(mix: Partial<TransactionMix>): TransactionLog {
  return new SerialDatabase({ ...defaultMix, ...mix }).run();
}

interface Pending {
  readonly status: number;
  readonly operations: readonly Performed[];
}

interface Performed {
  readonly key: number;
  readonly written: number | undefined;
  readonly read: readonly number[];
}

class SerialDatabase {
  readonly #mix: TransactionMix;
  readonly #random: SmallRandom;
  readonly #log = new TransactionLog();
  readonly #lists = new Map<number, number[]>();
  readonly #written: number[];
  readonly #keys: number[];
  readonly #pending = new Map<number, Pending>();
  #nextKey: number;
  #nextSession: number;

  constructor(mix: TransactionMix) {
    this.#mix = mix;
    this.#random = new SmallRandom(mix.seed);
    this.#keys = Array.from({ length: mix.keyCount }, (_, index) => index);
    this.#written = this.#keys.map(() => 0);
    this.#nextKey = mix.keyCount;
    this.#nextSession = mix.sessionCount;
  }

  run(): TransactionLog {
    const sessions = Array.from({ length: this.#mix.sessionCount }, (_, index) => index);
    let started = 0;
    while (started < this.#mix.transactionCount || this.#pending.size > 0) {
      const slot = this.#random.below(sessions.length);
      const session = sessions[slot] as number;
      const pending = this.#pending.get(session);
      if (pending !== undefined) {
        this.#complete(session, pending);
        // A session that lost sight of a transaction does not go on; another one does.
        if (pending.status === INFO) sessions[slot] = this.#nextSession++;
      } else if (started < this.#mix.transactionCount) {
        started++;
        this.#log.begin(session);
        this.#pending.set(session, this.#execute());
      }
    }
    return this.#log;
  }

  #execute(): Pending {
    const { troubleOneIn, operationsMax } = this.#mix;
    const isTroubled = troubleOneIn > 0 && this.#random.oneIn(troubleOneIn);
    const status = isTroubled ? (this.#random.oneIn(2) ? FAIL : INFO) : OK;
    const happens = status === OK || (status === INFO && this.#random.oneIn(2));
    const count = 1 + this.#random.below(operationsMax);
    const operations: Performed[] = [];
    for (let at = 0; at < count; at++) operations.push(this.#operation(operations, happens));
    for (const { key, written } of operations) if (happens) this.#apply(key, written);
    return { status, operations };
  }

  #operation(before: readonly Performed[], happens: boolean): Performed {
    const slot = this.#random.below(this.#keys.length);
    const key = this.#keys[slot] as number;
    const own = before.flatMap((one) => (one.key === key ? (one.written ?? []) : []));
    if (this.#random.oneIn(2)) {
      const stored = this.#lists.get(key) ?? [];
      const list =
        this.#mix.kind === "list-append" ? [...stored, ...own] : [...stored, ...own].slice(-1);
      return { key, written: undefined, read: happens ? list : [] };
    }
    const written = ++this.#lastValue;
    const count = (this.#written[slot] as number) + 1;
    this.#written[slot] = count;
    if (count === this.#mix.writesPerKey) {
      this.#keys[slot] = this.#nextKey++;
      this.#written[slot] = 0;
    }
    return { key, written, read: [] };
  }

  #lastValue = 0;

  #apply(key: number, written: number | undefined): void {
    if (written === undefined) return;
    const list = this.#lists.get(key);
    if (list === undefined) this.#lists.set(key, [written]);
    else if (this.#mix.kind === "list-append") list.push(written);
    else list[0] = written;
  }

  #complete(session: number, { status, operations }: Pending): void {
    this.#pending.delete(session);
    this.#log.complete(session, status);
    const isList = this.#mix.kind === "list-append";
    for (const { key, written, read } of operations) {
      if (written !== undefined) {
        if (isList) this.#log.append(key, written);
        else this.#log.write(key, written);
      } else if (status !== OK) this.#log.readUnknown(key);
      else if (isList) this.#log.readList(key, read);
      else this.#log.readValue(key, read[0] ?? null);
    }
  }
}
