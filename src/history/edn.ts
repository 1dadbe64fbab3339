/**
 * Reads the part of EDN that histories use: nil, booleans, numbers, strings, characters, keywords,
 * symbols, lists, vectors, maps, sets, tagged values (the tag is dropped), comments, `#_`.
 *
 * What it reads becomes JSON: keywords, symbols and characters are strings (a keyword without its
 * colon), lists and sets are arrays, the keys of maps are text (1 and "1" are one key). Integers
 * too large for a number are strings.
 */

import { Fault } from "../base/fault.ts";
import type { Json } from "./json.ts";

export function parseEdn(text: string): Json {
  const reader = new EdnReader(text);
  const value = reader.value();
  reader.end();
  return value;
}

const CLOSING: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };
const DEPTH_MAX = 200;

class EdnReader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(): Json {
    this.#skip();
    const start = this.#text[this.#at];
    switch (start) {
      case undefined:
        throw this.#fault("a value is missing");
      case "(":
      case "[":
        return this.#items(CLOSING[start] ?? "");
      case "{":
        return this.#map();
      case '"':
        return this.#string();
      case "#":
        return this.#dispatch();
      case "\\":
        return this.#character();
      default:
        return this.#atom();
    }
  }

  end(): void {
    this.#skip();
    if (this.#at < this.#text.length) throw this.#fault("something follows the value");
  }

  #items(closing: string): Json[] {
    if (++this.#depth > DEPTH_MAX) throw this.#fault(`it is nested deeper than ${DEPTH_MAX}`);
    this.#at++;
    const items: Json[] = [];
    for (;;) {
      this.#skip();
      const next = this.#text[this.#at];
      if (next === undefined) throw this.#fault(`a "${closing}" is missing`);
      if (next === closing) break;
      if (next === ")" || next === "]" || next === "}")
        throw this.#fault(`"${next}" closes nothing`);
      items.push(this.value());
    }
    this.#at++;
    this.#depth--;
    return items;
  }

  #map(): Json {
    const items = this.#items("}");
    if (items.length % 2 === 1) throw this.#fault("a map has a key without a value");
    const entries: [string, Json][] = [];
    for (let at = 0; at < items.length; at += 2) {
      const key = items[at] as Json;
      entries.push([typeof key === "string" ? key : JSON.stringify(key), items[at + 1] as Json]);
    }
    return Object.fromEntries(entries);
  }

  #dispatch(): Json {
    const next = this.#text[this.#at + 1];
    if (next === "{") {
      this.#at++;
      return this.#items("}");
    }
    this.#at++;
    // A tag says how to make an object of the value; the value says enough.
    this.#token();
    return this.value();
  }

  #string(): string {
    const start = this.#at;
    let at = start + 1;
    while (at < this.#text.length && this.#text[at] !== '"') at += this.#text[at] === "\\" ? 2 : 1;
    if (this.#text.length <= at) throw this.#fault("a string has no end");
    this.#at = at + 1;
    const raw = this.#text.slice(start, at + 1);
    if (!/[\\\n\r\t]/.test(raw)) return raw.slice(1, -1);
    return raw
      .slice(1, -1)
      .replaceAll(/\\(u[0-9a-fA-F]{4}|[^u])/gs, (_, escape: string) =>
        escape.length > 1
          ? String.fromCharCode(Number.parseInt(escape.slice(1), 16))
          : unescaped(escape),
      );
  }

  #character(): string {
    this.#at++;
    const first = this.#text[this.#at] ?? "";
    this.#at++;
    const name = first + this.#token();
    return NAMED_CHARACTERS[name] ?? name;
  }

  #atom(): Json {
    const start = this.#at;
    const token = this.#token();
    if (token === "") throw this.#fault(`"${this.#text[start] ?? ""}" begins no value`);
    if (token === "nil") return null;
    if (token === "true") return true;
    if (token === "false") return false;
    if (token.startsWith(":")) return token.slice(1);
    if (/^[+-]?\d/.test(token)) return numberOf(token);
    return token;
  }

  #token(): string {
    const start = this.#at;
    const { length } = this.#text;
    while (this.#at < length && kindAt(this.#text, this.#at) === WORD) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  #skip(): void {
    for (;;) {
      const next = this.#text[this.#at];
      if (next === ";") {
        while (this.#at < this.#text.length && this.#text[this.#at] !== "\n") this.#at++;
      } else if (next === "#" && this.#text[this.#at + 1] === "_") {
        this.#at += 2;
        this.value();
      } else if (next !== undefined && kindAt(this.#text, this.#at) === SPACE) this.#at++;
      else return;
    }
  }

  #fault(reason: string): Fault {
    const near = this.#text.slice(Math.max(0, this.#at - 20), this.#at + 20);
    return new Fault(
      "ERR_FORMAT",
      `cannot read EDN at character ${this.#at + 1}: ${reason}: ...${near}`,
      {
        at: this.#at,
      },
    );
  }
}

const WORD = 0;
const SPACE = 1;
const MARK = 2;

/** What each character of ASCII is; all others are parts of words. */
const KINDS: Uint8Array = new Uint8Array(128);
for (const space of " \t\r\n\f\v,") KINDS[space.charCodeAt(0)] = SPACE;
for (const mark of '()[]{}";') KINDS[mark.charCodeAt(0)] = MARK;

function kindAt(text: string, at: number): number {
  return KINDS[text.charCodeAt(at)] ?? WORD;
}

const NAMED_CHARACTERS: Readonly<Record<string, string>> = {
  newline: "\n",
  return: "\r",
  space: " ",
  tab: "\t",
};

function unescaped(escape: string): string {
  const known: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" };
  return known[escape] ?? escape;
}

function numberOf(token: string): Json {
  const value = Number(token.replace(/[NM]$/, ""));
  if (Number.isNaN(value)) return token;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? token : value;
}
