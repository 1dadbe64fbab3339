/**
 * Cuts a stream of text into the maps in it: the entries of one array or vector, or one after the
 * other with any white space between them. JSON and EDN alike, since both bracket alike.
 */

import { Fault } from "../base/fault.ts";

const FORM_LENGTH_MAX = 1 << 28;

export class FormSplitter {
  #rest = "";
  /** How far `#rest` has been looked at, and what is open there. */
  #at = 0;
  #start = -1;
  #depth = 0;
  #isString = false;
  #isComment = false;

  /** The text of each map that ends in this chunk. */
  *push(chunk: string): Generator<string> {
    this.#rest += chunk;
    for (; this.#at < this.#rest.length; this.#at++) {
      const character = this.#rest[this.#at] as string;
      if (this.#isComment) this.#isComment = character !== "\n";
      else if (this.#isString) {
        if (character === "\\") this.#at++;
        else if (character === '"') this.#isString = false;
      } else if (this.#closes(character)) {
        yield this.#rest.slice(this.#start, this.#at + 1);
        this.#start = -1;
      }
    }
    this.#forget();
  }

  finish(): void {
    if (this.#start < 0) return;
    const begin = this.#rest.slice(this.#start, this.#start + 60);
    throw new Fault("ERR_FORMAT", `cannot read the history: it ends within "${begin}..."`);
  }

  /** Whether the character ends a map that is in no other one. */
  #closes(character: string): boolean {
    switch (character) {
      case '"':
        this.#isString = this.#start >= 0;
        return false;
      case ";":
        this.#isComment = true;
        return false;
      case "{":
        if (this.#start < 0) {
          this.#start = this.#at;
          this.#depth = 0;
        }
        this.#depth++;
        return false;
      case "}":
        return this.#start >= 0 && --this.#depth === 0;
      default:
        return false;
    }
  }

  #forget(): void {
    const keepFrom = this.#start < 0 ? this.#at : this.#start;
    this.#rest = this.#rest.slice(keepFrom);
    this.#at -= keepFrom;
    if (this.#start >= 0) this.#start = 0;
    if (FORM_LENGTH_MAX < this.#rest.length) {
      throw new Fault("ERR_LIMIT", "cannot read the history: one entry has more than 256 MiB");
    }
  }
}
