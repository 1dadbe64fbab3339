/**
 * Clients that run random transactions side by side, and believe what they are told.
 *
 * Each client counts its transactions in a row of its own, its *mark*, so that the ledger can say
 * at which position one took place. Whatever a client is told, of its own marks or of others', is
 * noted as promised at the moment at which it could have been passed on.
 */

import assert from "node:assert/strict";
import { type Fault, isFault } from "../../src/base/fault.ts";
import { latin1 } from "../../src/base/bytes.ts";
import type { SeededRandom } from "../../src/base/random.ts";
import type { Lsn } from "../../src/base/ids.ts";
import { MUST_WAIT, type Step } from "../../src/transactions/step.ts";
import type { Transactions } from "../../src/transactions/transactions.ts";
import type { World } from "../../src/world/world.ts";
import { checkRunner } from "./check-store.ts";
import type { Ledger } from "./ledger.ts";
import { randomKey, randomValue } from "./rows.ts";

export interface WorkloadOptions {
  readonly clientCount: number;
  readonly keyCount: number;
  readonly valueBytesMax: number;
  /** Of a hundred transactions, how many are followed by a checkpoint. */
  readonly checkpointPercent: number;
  readonly snapshotPercent: number;
}

export const defaultWorkload: WorkloadOptions = {
  clientCount: 3,
  keyCount: 60,
  valueBytesMax: 40_000,
  checkpointPercent: 6,
  snapshotPercent: 4,
};

/** The parts of a run that a workload takes place in. */
export interface WorkloadRun {
  readonly world: World;
  readonly engine: Transactions;
  readonly ledger: Ledger;
  readonly random: SeededRandom;
  /** The moment, as a recording counts them. */
  readonly point: () => number;
  /** Whether a client should stop. */
  readonly isOver: () => boolean;
  /** Told of what a disk that fails made go wrong; where it is undefined nothing may. */
  readonly onFault?: (fault: Fault) => void;
}

/** A mark that was read: whose row, and what it held. */
interface Seen {
  readonly key: string;
  readonly value: Uint8Array;
}

class Refused extends Error {
  readonly seen: readonly Seen[];

  constructor(seen: readonly Seen[]) {
    super("the body refuses");
    this.seen = seen;
  }
}

export async function runWorkload(run: WorkloadRun, options: WorkloadOptions): Promise<void> {
  const clients: Promise<void>[] = [];
  const background = new Set<Promise<void>>();
  for (let client = 0; client < options.clientCount; client++) {
    clients.push(new Client(run, options, client, background).work());
  }
  await Promise.all(clients);
  await Promise.all(background);
}

class Client {
  readonly #run: WorkloadRun;
  readonly #options: WorkloadOptions;
  readonly #random: SeededRandom;
  readonly #mark: Uint8Array;
  readonly #background: Set<Promise<void>>;
  #count: number;

  constructor(
    run: WorkloadRun,
    options: WorkloadOptions,
    index: number,
    background: Set<Promise<void>>,
  ) {
    this.#run = run;
    this.#options = options;
    this.#random = run.random.stream(`client ${index}`);
    this.#mark = markOf(index);
    this.#background = background;
    const before = run.ledger.lastRows.get(latin1(this.#mark));
    this.#count = before === undefined ? 0 : countOf(before);
  }

  async work(): Promise<void> {
    while (!this.#run.isOver()) {
      const kind = this.#random.below(100);
      try {
        if (kind < 55) await this.#atOnce();
        else if (kind < 75) await this.#interactively();
        else if (kind < 88) await this.#readOnly();
        else await this.#refuse();
      } catch (error) {
        this.#tellOfFault(error);
      }
      if (this.#random.chance(this.#options.checkpointPercent)) this.#beside(this.#checkpoint());
      if (this.#random.chance(this.#options.snapshotPercent)) this.#beside(this.#snapshot());
      if (this.#random.chance(20)) await this.#rest();
    }
  }

  /** One body that reads and writes; at times another one in the same turn. */
  async #atOnce(): Promise<void> {
    const seed = this.#random.below(2 ** 32);
    const count = this.#count + 1;
    const written = this.#ask((step) =>
      this.#write(step, this.#random.stream(`${seed}`), count, 3),
    ).then(() => true, isTooLarge);
    const read = this.#random.chance(30) ? this.#readOnly() : undefined;
    const [isWritten] = await Promise.all([written, read]);
    if (isWritten) this.#count = count;
  }

  async #interactively(): Promise<void> {
    const { engine } = this.#run;
    const transaction = engine.begin();
    const seen: Seen[] = [];
    const count = this.#count + 1;
    try {
      for (let bodies = 1 + this.#random.below(3); bodies > 0; bodies--) {
        const seed = this.#random.below(2 ** 32);
        const isLast = bodies === 1;
        const found = await transaction.run((step) =>
          isLast
            ? this.#write(step, this.#random.stream(`${seed}`), count, 2)
            : this.#change(step, this.#random.stream(`${seed}`)),
        );
        seen.push(...found);
        if (this.#random.chance(20)) await this.#rest();
      }
      if (this.#random.chance(20)) {
        transaction.rollback();
        const own = latin1(this.#mark);
        await this.#tell(
          transaction.answerLsn,
          seen.filter(({ key }) => key !== own),
        );
        return;
      }
      await this.#tell(await transaction.commit(), seen);
      this.#count = count;
    } catch (error) {
      transaction.rollback();
      if (!isFault(error, "ERR_ABORTED")) isTooLarge(error);
    }
  }

  async #readOnly(): Promise<void> {
    const index = this.#random.below(this.#options.clientCount);
    await this.#ask((step) => readMark(step, markOf(index)));
  }

  /** What a body throws tells of what it read, too. */
  async #refuse(): Promise<void> {
    const index = this.#random.below(this.#options.clientCount);
    const refused = this.#ask((step) => {
      const seen = readMark(step, markOf(index));
      step.set(this.#mark, new Uint8Array(3));
      throw new Refused(seen);
    });
    const error: unknown = await refused.catch((reason: unknown) => reason);
    if (!(error instanceof Refused)) throw error;
    this.#promise(error.seen);
  }

  /** Runs the body in one of the ways there are, and relies on what it was told. */
  async #ask(body: (step: Step) => readonly Seen[]): Promise<void> {
    const { engine } = this.#run;
    if (this.#random.chance(50)) {
      try {
        const seen = engine.tryRun(body);
        if (seen !== MUST_WAIT) {
          await this.#tell(engine.answerLsn, seen);
          return;
        }
      } catch (error) {
        await engine.whenSettled(engine.answerLsn);
        throw error;
      }
    }
    this.#promise(await engine.run(body));
  }

  async #tell(answer: Lsn, seen: readonly Seen[]): Promise<void> {
    await this.#run.engine.whenSettled(answer);
    this.#promise(seen);
  }

  #promise(seen: readonly Seen[]): void {
    const { ledger, point } = this.#run;
    for (const { key, value } of seen) ledger.promiseRow(point(), key, value);
  }

  async #checkpoint(): Promise<void> {
    await this.#run.engine.store.checkpoint();
  }

  async #snapshot(): Promise<void> {
    const { engine, ledger, point } = this.#run;
    const snapshot = await engine.snapshot();
    ledger.promise(point(), snapshot.position);
    const rows = ledger.rowsAt(snapshot.position);
    await this.#rest();
    await checkRunner(snapshot, rows, `the snapshot of position ${snapshot.position}`);
    snapshot.release();
  }

  #beside(work: Promise<void>): void {
    const told = work.catch((error: unknown) => this.#tellOfFault(error));
    // Whoever awaits it in the end hears of what went wrong.
    told.catch(() => undefined);
    this.#background.add(told);
  }

  #tellOfFault(error: unknown): void {
    const { onFault } = this.#run;
    if (onFault === undefined || !isFault(error)) throw error;
    onFault(error);
  }

  async #rest(): Promise<void> {
    const restMs = this.#random.below(40) / 10;
    await new Promise<void>((resolve) => this.#run.world.clock.after(restMs, resolve));
  }

  /** Changes some rows and counts up the mark; what was read and written of marks. */
  #write(step: Step, random: SeededRandom, count: number, changesMax: number): readonly Seen[] {
    const seen: Seen[] = [];
    for (let changes = random.below(changesMax + 1); changes > 0; changes--) {
      seen.push(...this.#change(step, random));
    }
    const value = new Uint8Array(8);
    new DataView(value.buffer).setUint32(0, count);
    step.set(this.#mark, value);
    return [...seen, { key: latin1(this.#mark), value }];
  }

  #change(step: Step, random: SeededRandom): readonly Seen[] {
    const { keyCount, valueBytesMax } = this.#options;
    const key = randomKey(random, keyCount);
    const kind = random.below(100);
    if (kind < 60) step.set(key, randomValue(random, valueBytesMax));
    else if (kind < 80) step.delete(key);
    else if (kind < 84) step.removeRange(...randomRange(random, keyCount));
    else if (kind < 92) {
      const old = step.getForUpdate(key);
      step.set(key, Uint8Array.of(...(old?.subarray(0, 40) ?? []), random.below(256)));
    } else return readMark(step, markOf(random.below(this.#options.clientCount)));
    return [];
  }
}

/** False if the transaction was refused because of its size; what else went wrong is thrown. */
function isTooLarge(error: unknown): false {
  if (isFault(error, "ERR_LIMIT")) return false;
  throw error;
}

/** A few neighbouring keys of one kind. */
function randomRange(random: SeededRandom, keyCount: number): [Uint8Array, Uint8Array] {
  const start = randomKey(random, keyCount).slice(0, 9);
  const end = start.slice();
  end[end.length - 1] = Math.min(255, (end.at(-1) as number) + 4);
  return [start, end];
}

export function markOf(client: number): Uint8Array {
  return Uint8Array.of(1, 0x6d, client);
}

function readMark(step: Step, mark: Uint8Array): readonly Seen[] {
  const value = step.get(mark);
  return value === undefined ? [] : [{ key: latin1(mark), value }];
}

function countOf(value: Uint8Array): number {
  assert(value.length >= 4, "a mark holds a count");
  return new DataView(value.buffer, value.byteOffset).getUint32(0);
}
