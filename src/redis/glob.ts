/**
 * Patterns as KEYS and SCAN take them: `*` any bytes, `?` any one, `[a-z]` and `[^a-z]` one of
 * some, `\` takes the meaning from what follows it. What is doubtful is as in Redis: a class that
 * is not closed ends with the pattern, an empty one matches nothing.
 *
 * Matching takes at most the product of the two lengths: only the last `*` is ever tried anew.
 */

const ANY_RUN = -1;
const ANY_ONE = -2;
/** Classes are numbered from here down. */
const FIRST_CLASS = -3;

const STAR = 0x2a;
const QUESTION_MARK = 0x3f;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const CARET = 0x5e;
const BACKSLASH = 0x5c;
const DASH = 0x2d;

export class Glob {
  /** The bytes with which everything that matches begins. */
  readonly prefix: Uint8Array;
  /** What each position wants: a byte, or one of the negative numbers above. */
  readonly #tokens: readonly number[];
  readonly #classes: readonly ByteClass[];

  constructor(pattern: Uint8Array) {
    const compiler = new Compiler(pattern);
    this.#tokens = compiler.tokens;
    this.#classes = compiler.classes;
    const literalCount = this.#tokens.findIndex((token) => token < 0);
    const prefix = literalCount < 0 ? this.#tokens : this.#tokens.slice(0, literalCount);
    this.prefix = Uint8Array.from(prefix);
  }

  /** Whether `bytes[at, at + length)` matches. */
  matches(bytes: Uint8Array, at: number, length: number): boolean {
    const tokens = this.#tokens;
    const end = at + length;
    let position = at;
    let index = 0;
    let starIndex = -1;
    let starPosition = 0;
    while (position < end) {
      const token = tokens[index];
      if (token === ANY_RUN) {
        starIndex = index++;
        starPosition = position;
      } else if (token !== undefined && this.#takes(token, bytes[position] as number)) {
        index++;
        position++;
      } else if (starIndex >= 0) {
        index = starIndex + 1;
        position = ++starPosition;
      } else {
        return false;
      }
    }
    while (tokens[index] === ANY_RUN) index++;
    return index === tokens.length;
  }

  #takes(token: number, byte: number): boolean {
    if (token >= 0) return token === byte;
    if (token === ANY_ONE) return true;
    const wanted = this.#classes[FIRST_CLASS - token];
    return wanted !== undefined && wanted.bytes.has(byte) !== wanted.negated;
  }
}

interface ByteClass {
  readonly bytes: ReadonlySet<number>;
  readonly negated: boolean;
}

class Compiler {
  readonly tokens: number[] = [];
  readonly classes: ByteClass[] = [];
  readonly #pattern: Uint8Array;
  #at = 0;

  constructor(pattern: Uint8Array) {
    this.#pattern = pattern;
    while (this.#at < pattern.length) this.#token(pattern[this.#at] as number);
  }

  #token(byte: number): void {
    this.#at++;
    if (byte === STAR) {
      if (this.tokens.at(-1) !== ANY_RUN) this.tokens.push(ANY_RUN);
    } else if (byte === QUESTION_MARK) {
      this.tokens.push(ANY_ONE);
    } else if (byte === OPEN) {
      this.tokens.push(FIRST_CLASS - this.classes.length);
      this.classes.push(this.#class());
    } else if (byte === BACKSLASH && this.#at < this.#pattern.length) {
      this.tokens.push(this.#pattern[this.#at++] as number);
    } else {
      this.tokens.push(byte);
    }
  }

  #class(): ByteClass {
    const pattern = this.#pattern;
    const bytes = new Set<number>();
    const negated = pattern[this.#at] === CARET;
    if (negated) this.#at++;
    while (this.#at < pattern.length && pattern[this.#at] !== CLOSE) {
      const left = pattern.length - this.#at;
      const byte = pattern[this.#at] as number;
      if (byte === BACKSLASH && left >= 2) {
        bytes.add(pattern[this.#at + 1] as number);
        this.#at += 2;
      } else if (left >= 3 && pattern[this.#at + 1] === DASH) {
        addRange(bytes, byte, pattern[this.#at + 2] as number);
        this.#at += 3;
      } else {
        bytes.add(byte);
        this.#at++;
      }
    }
    this.#at++;
    return { bytes, negated };
  }
}

function addRange(bytes: Set<number>, from: number, to: number): void {
  const first = Math.min(from, to);
  const last = Math.max(from, to);
  for (let byte = first; byte <= last; byte++) bytes.add(byte);
}
