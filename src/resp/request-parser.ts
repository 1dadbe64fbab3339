/**
 * Finds the requests in a stream of bytes, however it was cut, without copying it.
 *
 * It guarantees that
 *
 *  1. what it says of a stream does not depend on how the stream was cut;
 *  2. it holds no more memory than the arguments that have arrived need, whatever was announced;
 *  3. no byte is looked at twice, except the few of a length that was cut.
 *
 * The caller keeps the bytes of an unfinished request together: `parse` is called again with the
 * same bytes and more after them, and is told by `moved` when they were moved. What makes a stream
 * malformed, and the words that say so, are those of Redis; the caller answers and hangs up.
 */

import { parseInteger } from "./integer.ts";
import { parseInline } from "./inline-arguments.ts";
import { Request } from "./request.ts";

/** A request is in `request`, and ends at `end`. */
export const COMPLETE = 0;
/** More bytes are needed. */
export const INCOMPLETE = 1;
/** An empty request, which ends at `end`, and needs no answer. */
export const EMPTY = 2;
/** The stream is beyond repair: `reason` says why. */
export const MALFORMED = 3;
export type ParseState = typeof COMPLETE | typeof INCOMPLETE | typeof EMPTY | typeof MALFORMED;

export interface ParserLimits {
  /** The longest argument. */
  bulkBytesMax: number;
  /**
   * Whether the client has yet to prove who it is: then a request may have only a few short
   * arguments, so that a stranger cannot make the server hold much.
   */
  stranger: boolean;
}

const STAR = 0x2a;
const DOLLAR = 0x24;
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const ZERO = 0x30;

/** The longest inline command. */
const LINE_BYTES_MAX = 64 * 1024;
/** A number that goes on for longer cannot be one. */
const NUMBER_BYTES_MAX = 32;
const ARGUMENT_COUNT_MAX = 2 ** 31 - 1;
const STRANGER_ARGUMENT_COUNT_MAX = 10;
const STRANGER_BULK_BYTES_MAX = 16 * 1024;
/** So many digits are read without looking for what makes a number invalid. */
const QUICK_DIGITS_MAX = 9;

export class RequestParser {
  readonly limits: ParserLimits;
  /** The request that was found; its positions count from the start of the bytes given last. */
  request: Request = new Request();
  end = 0;
  reason = "";
  readonly #multibulk: Request = this.request;
  /** How many arguments the unfinished request has, 0 if none was begun. */
  #wanted = 0;
  /** The length of the argument that comes next, -1 before it is known. */
  #bulkLength = -1;
  /** The first byte that was not yet understood. */
  #position = -1;
  #number = 0;

  constructor(limits: ParserLimits) {
    this.limits = limits;
  }

  /** Whether nothing of a request was understood that is not at its end. */
  get isBetweenRequests(): boolean {
    return this.#wanted === 0 && this.#position < 0;
  }

  /** Looks for the request that begins at `bytes[from]`; the bytes up to `to` have arrived. */
  parse(bytes: Uint8Array, from: number, to: number): ParseState {
    if (this.#wanted === 0) {
      if (from >= to) return INCOMPLETE;
      if (bytes[from] !== STAR) return this.#parseLine(bytes, from, to);
      const state = this.#parseCount(bytes, from, to);
      if (state !== COMPLETE) return state;
    }
    return this.#parseArguments(bytes, to);
  }

  /** The bytes of the unfinished request now lie `distance` further up. */
  moved(distance: number): void {
    // Said with every chunk; a request of many arguments must not be gone through each time.
    if (distance === 0) return;
    const { at, count } = this.#multibulk;
    for (let index = 0; index < count; index++) at[index] = (at[index] as number) + distance;
    if (this.#position >= 0) this.#position += distance;
  }

  #parseCount(bytes: Uint8Array, from: number, to: number): ParseState {
    this.#position = from;
    const state = this.#readNumber(bytes, to, "invalid multibulk length");
    if (state !== COMPLETE) {
      if (state === INCOMPLETE) this.#position = -1;
      return state;
    }
    const count = this.#number;
    if (!(count <= ARGUMENT_COUNT_MAX)) return this.#malformed("invalid multibulk length");
    if (this.limits.stranger && STRANGER_ARGUMENT_COUNT_MAX < count) {
      return this.#malformed("unauthenticated multibulk length");
    }
    if (count <= 0) return this.#finish(EMPTY);
    this.#wanted = count;
    this.#multibulk.count = 0;
    return COMPLETE;
  }

  #parseArguments(bytes: Uint8Array, to: number): ParseState {
    const request = this.#multibulk;
    while (request.count < this.#wanted) {
      if (this.#bulkLength < 0) {
        const state = this.#parseBulkLength(bytes, to);
        if (state !== COMPLETE) return state;
      }
      const argumentEnd = this.#position + this.#bulkLength;
      if (to < argumentEnd + 2) return INCOMPLETE;
      request.add(this.#position, this.#bulkLength);
      this.#position = argumentEnd + 2;
      this.#bulkLength = -1;
    }
    request.bytes = bytes;
    this.request = request;
    return this.#finish(COMPLETE);
  }

  #parseBulkLength(bytes: Uint8Array, to: number): ParseState {
    if (to <= this.#position) return INCOMPLETE;
    const first = bytes[this.#position] as number;
    if (first !== DOLLAR)
      return this.#malformed(`expected '$', got '${String.fromCharCode(first)}'`);

    const state = this.#readNumber(bytes, to, "invalid bulk length");
    if (state !== COMPLETE) return state;
    const length = this.#number;
    if (!(0 <= length && length <= this.limits.bulkBytesMax)) {
      return this.#malformed("invalid bulk length");
    }
    if (this.limits.stranger && STRANGER_BULK_BYTES_MAX < length) {
      return this.#malformed("unauthenticated bulk length");
    }
    this.#bulkLength = length;
    return COMPLETE;
  }

  /** Reads the number after the byte at `#position` into `#number`, and goes past its line. */
  #readNumber(bytes: Uint8Array, to: number, invalid: string): ParseState {
    const from = this.#position + 1;
    let at = from;
    let value = 0;
    while (at < to) {
      const digit = (bytes[at] as number) - ZERO;
      if (digit < 0 || 9 < digit) break;
      value = value * 10 + digit;
      at++;
    }
    const quick = from < at && at <= from + QUICK_DIGITS_MAX;
    if (quick && at + 1 < to && bytes[at] === CARRIAGE_RETURN && bytes[from] !== ZERO) {
      this.#number = value;
      this.#position = at + 2;
      return COMPLETE;
    }
    return this.#readNumberSlowly(bytes, from, to, invalid);
  }

  #readNumberSlowly(bytes: Uint8Array, from: number, to: number, invalid: string): ParseState {
    let at = from;
    const limit = Math.min(to, from + NUMBER_BYTES_MAX);
    while (at < limit && bytes[at] !== CARRIAGE_RETURN) at++;
    if (at === from + NUMBER_BYTES_MAX) return this.#malformed(invalid);
    if (to < at + 2) return INCOMPLETE;
    this.#number = parseInteger(bytes, from, at - from);
    this.#position = at + 2;
    return COMPLETE;
  }

  #parseLine(bytes: Uint8Array, from: number, to: number): ParseState {
    let at = Math.max(from, this.#position);
    while (at < to && at - from <= LINE_BYTES_MAX && bytes[at] !== LINE_FEED) at++;
    if (LINE_BYTES_MAX < at - from) return this.#malformed("too big inline request");
    this.#position = at;
    if (at === to) return INCOMPLETE;

    const lineEnd = from < at && bytes[at - 1] === CARRIAGE_RETURN ? at - 1 : at;
    const request = parseInline(bytes, from, lineEnd);
    if (request === undefined) return this.#malformed("unbalanced quotes in request");
    this.request = request;
    this.#position = at + 1;
    return this.#finish(request.count === 0 ? EMPTY : COMPLETE);
  }

  #finish(state: ParseState): ParseState {
    this.end = this.#position;
    this.#position = -1;
    this.#wanted = 0;
    return state;
  }

  #malformed(reason: string): ParseState {
    this.reason = `Protocol error: ${reason}`;
    return MALFORMED;
  }
}
