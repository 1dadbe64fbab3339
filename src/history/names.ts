/**
 * Numbers for names: keys get 0, 1, 2 and so on; values are mostly small natural numbers already
 * and stand for themselves, and any others are numbered from `OTHERS_START` on.
 */

import type { Json } from "./json.ts";

export class KeyNames {
  readonly names: string[] = [];
  readonly #numbers = new Map<Json, number>();

  number(key: Json): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const name = typeof key === "string" ? key : JSON.stringify(key);
    // Keys that are arrays or objects are equal if their text is.
    const same = typeof key === "object" ? this.#numbers.get(name) : undefined;
    if (same !== undefined) return same;
    const number = this.names.length;
    this.names.push(name);
    this.#numbers.set(typeof key === "object" ? name : key, number);
    return number;
  }

  name(number: number): string {
    return this.names[number] as string;
  }
}

const OTHERS_START = 0x40000000;

/** Stands for no value: what a register held before anything was written. */
export const NOTHING: number = -1;

export class ValueNames {
  readonly #others: string[] = [];
  readonly #numbers = new Map<string, number>();

  number(value: Json): number {
    if (
      typeof value === "number" &&
      Number.isInteger(value) &&
      0 <= value &&
      value < OTHERS_START
    ) {
      return value;
    }
    if (value === null) return NOTHING;
    const text = JSON.stringify(value);
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = OTHERS_START + this.#others.length;
    this.#others.push(text);
    this.#numbers.set(text, number);
    return number;
  }

  name(number: number): string {
    if (number === NOTHING) return "nil";
    return number < OTHERS_START ? String(number) : (this.#others[number - OTHERS_START] as string);
  }
}
