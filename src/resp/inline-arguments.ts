/**
 * The arguments of an inline command, a line such as a person types: words between blanks, with
 * "double quotes" (in which \n \r \t \b \a \xNN and \" are escapes) and 'single quotes' (in which
 * only \' is one). A closing quote must end the word. A zero byte ends the line. Of the blanks,
 * only those on a keyboard end a word; all are skipped before one.
 */

import { Request } from "./request.ts";

const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const BACKSLASH = 0x5c;
const ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, b: 8, a: 7 };

/** The line `bytes[from, lineEnd)` as a request, or undefined if its quotes do not match. */
export function parseInline(bytes: Uint8Array, from: number, lineEnd: number): Request | undefined {
  const zeroAt = bytes.subarray(from, lineEnd).indexOf(0);
  const to = zeroAt < 0 ? lineEnd : from + zeroAt;
  const request = new Request();
  request.bytes = new Uint8Array(to - from);
  let at = from;
  let end = 0;
  for (;;) {
    while (at < to && isBlank(bytes[at] as number)) at++;
    if (at === to) return request;

    const word = new Word(request.bytes, end);
    at = word.read(bytes, at, to);
    if (at < 0) return undefined;
    request.add(end, word.end - end);
    end = word.end;
  }
}

/** One word, unquoted while it is read. */
class Word {
  end: number;
  readonly #target: Uint8Array;

  constructor(target: Uint8Array, end: number) {
    this.#target = target;
    this.end = end;
  }

  /** Returns where the word ends in `bytes`, or -1 if a quote is not closed as it must be. */
  read(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    while (at < to && !endsWord(bytes[at] as number)) {
      const byte = bytes[at] as number;
      if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) return this.#quoted(bytes, at, to, byte);
      this.#add(byte);
      at++;
    }
    return at;
  }

  #quoted(bytes: Uint8Array, from: number, to: number, quote: number): number {
    let at = from + 1;
    while (at < to) {
      const byte = bytes[at] as number;
      if (byte === quote) {
        const closesWord = at + 1 === to || isBlank(bytes[at + 1] as number);
        return closesWord ? at + 1 : -1;
      }
      at += byte === BACKSLASH ? this.#escaped(bytes, at, to, quote) : this.#plain(byte);
    }
    return -1;
  }

  /** Reads the escape at `at` and returns its length. */
  #escaped(bytes: Uint8Array, at: number, to: number, quote: number): number {
    const next = at + 1 < to ? (bytes[at + 1] as number) : undefined;
    if (next === undefined) return this.#plain(BACKSLASH);
    if (quote === SINGLE_QUOTE) {
      if (next !== SINGLE_QUOTE) return this.#plain(BACKSLASH);
      this.#add(SINGLE_QUOTE);
      return 2;
    }
    const letter = String.fromCharCode(next);
    const hex = String.fromCharCode(...bytes.subarray(at + 2, Math.min(at + 4, to)));
    if (letter === "x" && /^[0-9a-f]{2}$/i.test(hex)) {
      this.#add(Number.parseInt(hex, 16));
      return 4;
    }
    this.#add(ESCAPES[letter] ?? next);
    return 2;
  }

  #plain(byte: number): number {
    this.#add(byte);
    return 1;
  }

  #add(byte: number): void {
    this.#target[this.end++] = byte;
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || (0x09 <= byte && byte <= 0x0d);
}

function endsWord(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}
