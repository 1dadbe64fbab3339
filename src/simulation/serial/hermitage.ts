/**
 * Runs a schedule of transactions as it is written: each line is begun when those before it have
 * ended or wait. The transcript says what each line answered, who waits and who was aborted.
 */

import { AssertionFailure } from "../../base/assert.ts";
import { isFault } from "../../base/fault.ts";
import type { Engine } from "../../transactions/engine.ts";
import type { InteractiveTransaction, Step } from "../../transactions/step.ts";
import { read, remove, rows, write } from "./rows.ts";

const PREFIX = "h/";
const ROWS_BEFORE: readonly (readonly [string, string])[] = [
  ["1", "10"],
  ["2", "20"],
];

/** Plays the schedule; `settle` resolves when nothing can go on without another line. */
export async function playSchedule(
  store: Engine,
  schedule: readonly string[],
  settle: () => Promise<void>,
): Promise<readonly string[]> {
  await store.run((step) => {
    for (const { key } of rows(step, { prefix: PREFIX })) remove(step, key);
    for (const [name, value] of ROWS_BEFORE) write(step, PREFIX + name, value);
  });
  return await new Play(store, settle).run(schedule);
}

class Play {
  readonly #store: Engine;
  readonly #settle: () => Promise<void>;
  readonly #transactions = new Map<string, InteractiveTransaction>();
  /** The last thing that each was asked, done or not. */
  readonly #last = new Map<string, Promise<void>>();
  readonly #lines: string[] = [];

  constructor(store: Engine, settle: () => Promise<void>) {
    this.#store = store;
    this.#settle = settle;
  }

  async run(schedule: readonly string[]): Promise<readonly string[]> {
    for (const line of schedule) {
      this.#lines.push(line);
      this.#begin(line);
      await this.#settle();
    }
    await Promise.all(this.#last.values());
    const left = await this.#store.run(allRows);
    return [...this.#lines, `at the end: ${left}`];
  }

  #begin(line: string): void {
    const [name = "", ...words] = line.split(" ");
    const before = this.#last.get(name) ?? Promise.resolve();
    this.#last.set(
      name,
      before.then(async () => await this.#perform(name, words)),
    );
  }

  async #perform(name: string, words: readonly string[]): Promise<void> {
    const transaction = this.#transactions.get(name) ?? this.#store.begin();
    this.#transactions.set(name, transaction);
    const text = words.join(" ");
    try {
      const answer = await this.#answer(transaction, words);
      this.#lines.push(`  ${name} ${text}: ${answer}`);
    } catch (error) {
      if (!isFault(error)) throw error;
      const why = error.code === "ERR_ABORTED" ? "aborted, for it gave way" : error.code;
      this.#lines.push(`  ${name} ${text}: ${why}`);
    }
  }

  async #answer(transaction: InteractiveTransaction, words: readonly string[]): Promise<string> {
    const [what] = words;
    if (what === "commit") {
      await this.#store.whenSettled(await transaction.commit());
      return "committed";
    }
    if (what === "rollback") {
      transaction.rollback();
      return "rolled back";
    }
    return await transaction.run((step) => perform(step, words));
  }
}

function perform(step: Step, words: readonly string[]): string {
  const [what = "", first = "", second = ""] = words;
  switch (what) {
    case "read":
      return read(step, PREFIX + first) ?? "absent";
    case "write":
    case "insert":
      write(step, PREFIX + first, second);
      return "done";
    case "delete":
      remove(step, PREFIX + first);
      return "done";
    case "rows":
      return allRows(step, matching(first, second));
    case "add":
      for (const { key, value } of rows(step, { prefix: PREFIX })) {
        write(step, key, String(Number(value) + Number(first)));
      }
      return "done";
    case "drop":
      for (const { key, value } of rows(step, { prefix: PREFIX })) {
        if (value === first) remove(step, key);
      }
      return "done";
    default:
      throw new AssertionFailure(`"${what}" is no step of a schedule`);
  }
}

function matching(first: string, second: string): (value: number) => boolean {
  if (first === "") return () => true;
  if (first === "%") return (value) => value % Number(second) === 0;
  return (value) => value === Number(first);
}

function allRows(step: Step, holds: (value: number) => boolean = () => true): string {
  const found = rows(step, { prefix: PREFIX }).filter(({ value }) => holds(Number(value)));
  const texts = found.map(({ key, value }) => `${key.slice(PREFIX.length)}=${value}`);
  return texts.length === 0 ? "none" : texts.join(" ");
}
