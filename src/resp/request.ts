/**
 * A request: where its arguments lie in the bytes that were received. Nothing is copied until
 * somebody asks for it, so a request is valid only as long as those bytes are; `own` keeps it.
 */

import { equalBytes, latin1 } from "../base/bytes.ts";

const ARGUMENTS_AT_FIRST = 16;

export class Request {
  bytes: Uint8Array = new Uint8Array(0);
  /** Where each argument begins in `bytes`; the name of the command is argument 0. */
  at: Int32Array = new Int32Array(ARGUMENTS_AT_FIRST);
  length: Int32Array = new Int32Array(ARGUMENTS_AT_FIRST);
  count = 0;

  /** Adds an argument that lies at `bytes[at, at + length)`. */
  add(at: number, length: number): void {
    if (this.count === this.at.length) this.#grow();
    this.at[this.count] = at;
    this.length[this.count] = length;
    this.count++;
  }

  argument(index: number): Uint8Array {
    const at = this.at[index] as number;
    return this.bytes.subarray(at, at + (this.length[index] as number));
  }

  /** The argument with one character a byte. */
  text(index: number): string {
    return latin1(this.argument(index));
  }

  /** Whether the argument is `word`, given in capitals, in any case of letters. */
  is(index: number, word: string): boolean {
    if (this.length[index] !== word.length) return false;
    const at = this.at[index] as number;
    for (let offset = 0; offset < word.length; offset++) {
      const byte = this.bytes[at + offset] as number;
      const capital = 0x61 <= byte && byte <= 0x7a ? byte - 0x20 : byte;
      if (capital !== word.charCodeAt(offset)) return false;
    }
    return true;
  }

  /** The sum of the lengths of the arguments. */
  get sizeBytes(): number {
    let sum = 0;
    for (let index = 0; index < this.count; index++) sum += this.length[index] as number;
    return sum;
  }

  /** Whether two of the arguments are the same bytes. */
  repeats(left: number, right: number): boolean {
    return equalBytes(this.argument(left), this.argument(right));
  }

  /** How far apart its first and its last byte are: no argument is longer. */
  get spanBytes(): number {
    const last = this.count - 1;
    return (this.at[last] as number) + (this.length[last] as number) - (this.at[0] as number);
  }

  /** The same request over bytes of its own. */
  own(): Request {
    const owned = new Request();
    owned.at = new Int32Array(this.count);
    owned.length = new Int32Array(this.count);
    owned.bytes = new Uint8Array(this.sizeBytes);
    let end = 0;
    for (let index = 0; index < this.count; index++) {
      const length = this.length[index] as number;
      owned.bytes.set(this.argument(index), end);
      owned.add(end, length);
      end += length;
    }
    return owned;
  }

  #grow(): void {
    const at = new Int32Array(this.at.length * 2);
    const length = new Int32Array(this.at.length * 2);
    at.set(this.at);
    length.set(this.length);
    this.at = at;
    this.length = length;
  }
}
