/** Reads the notation of `schedule.ts`. What it cannot read it points at. */

import { Fault } from "../base/fault.ts";
import {
  type OperationKind,
  type Schedule,
  type ScheduledOperation,
  scheduleOf,
} from "./schedule.ts";

const KINDS: Readonly<Record<string, OperationKind>> = {
  r: "read",
  read: "read",
  w: "write",
  write: "write",
  inc: "increment",
  increment: "increment",
  dec: "decrement",
  decrement: "decrement",
  b: "begin",
  begin: "begin",
  start: "begin",
  c: "commit",
  commit: "commit",
  a: "abort",
  abort: "abort",
  rollback: "abort",
  rl: "lock-shared",
  sl: "lock-shared",
  slock: "lock-shared",
  wl: "lock-exclusive",
  xl: "lock-exclusive",
  xlock: "lock-exclusive",
  u: "unlock",
  ul: "unlock",
  ru: "unlock",
  wu: "unlock",
  unlock: "unlock",
};

const WHOLE: ReadonlySet<OperationKind> = new Set(["begin", "commit", "abort"]);
const BRACKETS: Readonly<Record<string, string>> = { "(": ")", "[": "]" };

/** Reads a schedule such as `r1(x) w2(x) c1 c2`; `ERR_ARGUMENT` names the place that is wrong. */
export function parseSchedule(text: string): Schedule {
  return new Parser(text).schedule();
}

class Parser {
  readonly #text: string;
  readonly #operations: ScheduledOperation[] = [];
  readonly #ended = new Map<string, string>();
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  schedule(): Schedule {
    this.#take(/[\s,;]*/y);
    while (this.#at < this.#text.length) {
      this.#operation();
      this.#take(/[\s,;]*/y);
    }
    if (this.#operations.length === 0)
      throw this.#fault(0, 'write a schedule, as in "r1(x) w2(x)"');
    return scheduleOf(this.#operations);
  }

  #operation(): void {
    const start = this.#at;
    const word = this.#take(/[A-Za-z]+/y);
    const kind = Object.hasOwn(KINDS, word.toLowerCase()) ? KINDS[word.toLowerCase()] : undefined;
    if (kind === undefined) {
      const what = word === "" ? (this.#text[start] ?? "") : word;
      throw this.#fault(
        start,
        `"${what}" is no operation: use r, w, inc, dec, c, a, b, sl, xl or u`,
      );
    }
    const transaction = this.#transaction(word);
    const item = WHOLE.has(kind) ? "" : this.#item(word, transaction);
    const ended = this.#ended.get(transaction);
    if (ended !== undefined) {
      throw this.#fault(start, `transaction ${transaction} has already ended by ${ended}`);
    }
    if (kind === "commit" || kind === "abort")
      this.#ended.set(transaction, `${word}${transaction}`);
    this.#operations.push({ index: this.#operations.length, kind, transaction, item });
  }

  #transaction(word: string): string {
    this.#take(/_?/y);
    const name = this.#take(/(?<=_)[\p{L}\p{N}-]+|\d+/uy);
    if (name !== "") return name;
    throw this.#fault(this.#at, `the transaction is missing: write ${word}1 or ${word}_name`);
  }

  #item(word: string, transaction: string): string {
    const start = this.#at;
    const open = this.#take(/[([]/y);
    const close = BRACKETS[open];
    if (close === undefined) {
      throw this.#fault(start, `the item is missing: write ${word}${transaction}(x)`);
    }
    const item = this.#take(/[^()[\]]*/y).trim();
    if (item === "")
      throw this.#fault(start + 1, `the item is missing: write ${word}${transaction}(x)`);
    if (this.#text[this.#at] !== close) throw this.#fault(this.#at, `"${close}" is missing`);
    this.#at++;
    return item;
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  #fault(at: number, reason: string): Fault {
    const start = Math.max(0, at - 40);
    const shown = this.#text.slice(start, at + 40).replaceAll(/\s/g, " ");
    const pointer = `${" ".repeat(at - start)}^`;
    const place = `cannot read the schedule at character ${at + 1}`;
    const message = `${place}: ${reason}\n  ${shown}\n  ${pointer}`;
    return new Fault("ERR_ARGUMENT", message, { at });
  }
}
