/**
 * A UUID as a part of a key: 16 bytes with a type of their own, which sort as bytes. It does not
 * make them; where they come from, and their version, are the caller's affair.
 */

import { Fault } from "../base/fault.ts";

export const UUID_BYTES = 16;

const PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A UUID as a part of a key. */
export class Uuid {
  readonly #bytes: Uint8Array;

  /** Copies the 16 bytes. */
  constructor(bytes: Uint8Array) {
    if (bytes.length !== UUID_BYTES) {
      throw new Fault("ERR_ARGUMENT", `a UUID has 16 bytes, not ${bytes.length}; pass exactly 16`);
    }
    // Not `slice`, which for a Buffer is a view and no copy.
    this.#bytes = new Uint8Array(bytes);
  }

  /** Reads the usual form, `f81d4fae-7dec-11d0-a765-00a0c91e6bf6`, in either case. */
  static parse(text: string): Uuid {
    if (!PATTERN.test(text)) {
      throw new Fault("ERR_ARGUMENT", `"${text}" is not a UUID; write it as 8-4-4-4-12 hex digits`);
    }
    const digits = text.replaceAll("-", "");
    const bytes = new Uint8Array(UUID_BYTES);
    for (let index = 0; index < UUID_BYTES; index++) {
      bytes[index] = Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16);
    }
    return new Uuid(bytes);
  }

  /** A copy of the 16 bytes. */
  toBytes(): Uint8Array {
    return this.#bytes.slice();
  }

  /** Writes the 16 bytes at `at`. */
  write(target: Uint8Array, at: number): void {
    target.set(this.#bytes, at);
  }

  /** The usual form, in lower case. */
  toString(): string {
    const digits = Array.from(this.#bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const cuts = [0, 8, 12, 16, 20, 32];
    return cuts
      .slice(1)
      .map((end, index) => digits.slice(cuts[index], end))
      .join("-");
  }

  /** As `toString`. */
  toJSON(): string {
    return this.toString();
  }
}
