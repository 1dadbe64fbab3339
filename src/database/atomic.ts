/** Atomic batches: checks and writes that are known in advance, made in one step or not at all. */

import { Fault } from "../base/fault.ts";
import { lsn } from "../base/ids.ts";
import type { RowValues, SetOptions } from "./row-values.ts";
import type { BatchAnswer, Check, Session } from "./session.ts";
import type { Key } from "./tuple.ts";
import { fitsCounter } from "./value-codec.ts";
import { positionOf, type Version, versionOf } from "./version.ts";
import type { WriteSet } from "./write-set.ts";

/** What became of a batch. */
export type AtomicAnswer =
  /** All checks held and everything was written, which gave the keys this version. */
  | { readonly ok: true; readonly version: Version }
  /** This key did not have the version that was asked for, and nothing was written. */
  | { readonly ok: false; readonly key: Key };

/**
 * A batch. Collects checks and writes; `commit` makes them in one round, without reading
 * first, and gives an answer instead of an error where a check fails.
 */
export class Atomic {
  readonly #session: Session;
  readonly #values: RowValues;
  readonly #checks: Check[] = [];
  readonly #checkedKeys: Key[] = [];
  readonly #writes: WriteSet;
  #isCommitted = false;

  /** @internal */
  constructor(session: Session, values: RowValues) {
    this.#session = session;
    this.#values = values;
    this.#writes = values.takeWrites();
  }

  /** Commits only if the key was last written at this version; null: if it is absent. */
  check(key: Key, version: Version | null): this {
    this.#requireOpen();
    const position = version === null ? lsn(0) : positionOf(version);
    this.#checks.push({ key: this.#values.keys.copy(key), version: position });
    this.#checkedKeys.push(key);
    return this;
  }

  /** Writes the value, whatever there is. */
  set(key: Key, value: unknown, options?: SetOptions): this {
    this.#requireOpen();
    const values = this.#values;
    const deadlineMs = values.deadline(options);
    values.encode(key, value, deadlineMs);
    const { keys, keyLength, row, rowLength } = values;
    this.#writes.put(keys.bytes, keyLength, row, rowLength, deadlineMs);
    return this;
  }

  /** Removes the key, present or not. */
  delete(key: Key): this {
    this.#requireOpen();
    const { keys } = this.#values;
    this.#writes.remove(keys.bytes, keys.encode(key));
    return this;
  }

  /** Adds to the counter, a bigint of 64 bits, which is zero where there is none. */
  add(key: Key, delta: bigint): this {
    this.#requireOpen();
    checkDelta(delta);
    const { keys } = this.#values;
    this.#writes.add(keys.bytes, keys.encode(key), delta);
    return this;
  }

  /** Resolves when the outcome is durable. A batch is committed once. */
  async commit(): Promise<AtomicAnswer> {
    this.#requireOpen();
    this.#isCommitted = true;
    const checks = this.#checks;
    const writes = this.#writes;
    const { earliestDeadlineMs } = writes;
    try {
      return this.#tell(await this.#session.runBatch({ checks, writes, earliestDeadlineMs }));
    } finally {
      this.#values.giveBack(writes);
    }
  }

  #requireOpen(): void {
    if (!this.#isCommitted) return;
    throw new Fault("ERR_CLOSED", "this batch was committed already; make another");
  }

  #tell(answer: BatchAnswer): AtomicAnswer {
    if (answer.ok) return { ok: true, version: versionOf(answer.version) };
    return { ok: false, key: this.#checkedKeys[answer.failedIndex] ?? [] };
  }
}

export function checkDelta(delta: bigint): void {
  const given: unknown = delta;
  if (typeof given === "bigint" && fitsCounter(given)) return;
  const message = `a counter is added a bigint of 64 bits, such as 1n, not ${String(given)}`;
  throw new Fault("ERR_ARGUMENT", message);
}
