/**
 * Records of a store that runs its transactions one at a time, each at a moment between its begin
 * and its end: strictly serializable by construction. Some of them are lost on the way back.
 */

import type { RecordedOperation, RecordedTransaction } from "../base/recorded-events.ts";
import { SmallRandom } from "./small-random.ts";

export interface SerialRecordOptions {
  readonly seed: number;
  readonly transactionCount: number;
  readonly keyCount: number;
}

interface Stored {
  readonly version: number;
  readonly value: string;
}

export function serialRecord(options: SerialRecordOptions): readonly RecordedTransaction[] {
  return new SerialStore(options).run(options.transactionCount);
}

class SerialStore {
  readonly #random: SmallRandom;
  readonly #keyCount: number;
  readonly #rows = new Map<string, Stored>();
  #lsn = 0;

  constructor({ seed, keyCount }: SerialRecordOptions) {
    this.#random = new SmallRandom(seed);
    this.#keyCount = keyCount;
  }

  run(transactionCount: number): readonly RecordedTransaction[] {
    const record: RecordedTransaction[] = [];
    for (let number = 0; number < transactionCount; number++) {
      // The transaction runs at moment `number * 10`, and its interval may reach over its
      // neighbours', but not over those of its own session.
      const session = number % 3;
      const began = number * 10 - this.#random.below(9);
      const ended = number * 10 + this.#random.below(9);
      record.push(this.#execute(number, `s${session}`, began, ended));
    }
    return record;
  }

  #execute(number: number, session: string, began: number, ended: number): RecordedTransaction {
    const status = this.#random.oneIn(8) ? (this.#random.oneIn(2) ? "fail" : "info") : "ok";
    const happens = status === "ok" || (status === "info" && this.#random.oneIn(2));
    const own = new Map<string, string | undefined>();
    const count = 1 + this.#random.below(4);
    const operations = Array.from({ length: count }, () => this.#operation(own));
    if (happens && own.size > 0) this.#commit(own);
    return {
      id: `T${number}`,
      session,
      began,
      ended: status === "info" ? undefined : ended,
      status,
      lsn: status === "ok" && own.size > 0 ? this.#lsn : undefined,
      operations,
    };
  }

  #commit(own: ReadonlyMap<string, string | undefined>): void {
    this.#lsn++;
    for (const [key, value] of own) {
      if (value === undefined) this.#rows.delete(key);
      else this.#rows.set(key, { version: this.#lsn, value });
    }
  }

  #operation(own: Map<string, string | undefined>): RecordedOperation {
    const key = this.#key();
    switch (this.#random.below(6)) {
      case 0:
      case 1:
        return { kind: "read", key, ...(this.#look(key, own) ?? { version: undefined }) };
      case 2: {
        const [start, end] = [key, this.#key()].toSorted() as [string, string];
        const found = this.#keys()
          .filter((one) => start <= one && one < end)
          .flatMap((one) => {
            const seen = this.#look(one, own);
            return seen === undefined ? [] : [{ key: one, ...seen }];
          });
        return { kind: "scan", start, end, found };
      }
      case 3:
        own.set(key, undefined);
        return { kind: "remove", key };
      default: {
        const value = `v${this.#random.below(1000)}`;
        own.set(key, value);
        return { kind: "write", key, value };
      }
    }
  }

  #look(key: string, own: ReadonlyMap<string, string | undefined>): Stored | undefined {
    if (!own.has(key)) return this.#rows.get(key);
    const value = own.get(key);
    return value === undefined ? undefined : { version: 0, value };
  }

  #keys(): readonly string[] {
    return Array.from({ length: this.#keyCount }, (_, index) => `k${index}`);
  }

  #key(): string {
    return `k${this.#random.below(this.#keyCount)}`;
  }
}
