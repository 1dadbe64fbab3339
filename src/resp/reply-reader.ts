/**
 * Reads replies, RESP2 and RESP3, from a stream of bytes cut anywhere: the side of the client.
 * Meant for tests, workloads and tools, which want values rather than speed.
 */

import { latin1 } from "../base/bytes.ts";

export type Reply =
  | { readonly kind: "status" | "error" | "bulk" | "verbatim"; readonly text: string }
  | { readonly kind: "integer"; readonly value: bigint }
  | { readonly kind: "nil" }
  | { readonly kind: "array" | "set" | "push"; readonly items: readonly Reply[] }
  | { readonly kind: "map"; readonly pairs: readonly (readonly [Reply, Reply])[] };

const LINE_END = [0x0d, 0x0a] as const;

export class ReplyReader {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;

  /** Takes what arrived. */
  push(bytes: Uint8Array): void {
    const joined = new Uint8Array(this.#bytes.length - this.#at + bytes.length);
    joined.set(this.#bytes.subarray(this.#at));
    joined.set(bytes, this.#bytes.length - this.#at);
    this.#bytes = joined;
    this.#at = 0;
  }

  /** The next reply, or undefined if it has not wholly arrived. Throws if it is none. */
  next(): Reply | undefined {
    const from = this.#at;
    const reply = this.#read();
    if (reply === undefined) this.#at = from;
    return reply;
  }

  /** How many bytes arrived that belong to no reply yet. */
  get restBytes(): number {
    return this.#bytes.length - this.#at;
  }

  #read(): Reply | undefined {
    const line = this.#line();
    if (line === undefined) return undefined;
    const rest = line.slice(1);
    switch (line.charAt(0)) {
      case "+":
        return { kind: "status", text: rest };
      case "-":
        return { kind: "error", text: rest };
      case ":":
        return { kind: "integer", value: BigInt(rest) };
      case "_":
        return { kind: "nil" };
      case "$":
        return this.#bulk("bulk", Number(rest));
      case "=":
        return this.#bulk("verbatim", Number(rest));
      case "*":
        return this.#items("array", Number(rest));
      case "~":
        return this.#items("set", Number(rest));
      case ">":
        return this.#items("push", Number(rest));
      case "%":
        return this.#pairs(Number(rest));
      default:
        throw new SyntaxError(`"${line}" begins no reply`);
    }
  }

  #line(): string | undefined {
    let at = this.#at;
    while (at < this.#bytes.length && this.#bytes[at] !== LINE_END[0]) at++;
    if (this.#bytes.length < at + 2) return undefined;
    if (this.#bytes[at + 1] !== LINE_END[1]) throw new SyntaxError("a line ends in CR LF");
    const line = latin1(this.#bytes, this.#at, at - this.#at);
    this.#at = at + 2;
    return line;
  }

  #bulk(kind: "bulk" | "verbatim", length: number): Reply | undefined {
    if (length < 0) return { kind: "nil" };
    const end = this.#at + length;
    if (this.#bytes.length < end + 2) return undefined;
    if (this.#bytes[end] !== LINE_END[0] || this.#bytes[end + 1] !== LINE_END[1]) {
      throw new SyntaxError("a string ends in CR LF");
    }
    const text = latin1(this.#bytes, this.#at, length);
    this.#at = end + 2;
    return { kind, text: kind === "verbatim" ? text.slice(4) : text };
  }

  #items(kind: "array" | "set" | "push", count: number): Reply | undefined {
    if (count < 0) return { kind: "nil" };
    const items: Reply[] = [];
    for (let index = 0; index < count; index++) {
      const item = this.#read();
      if (item === undefined) return undefined;
      items.push(item);
    }
    return { kind, items };
  }

  #pairs(count: number): Reply | undefined {
    const pairs: [Reply, Reply][] = [];
    for (let index = 0; index < count; index++) {
      const key = this.#read();
      const value = key === undefined ? undefined : this.#read();
      if (key === undefined || value === undefined) return undefined;
      pairs.push([key, value]);
    }
    return { kind: "map", pairs };
  }
}

/** The reply as `redis-cli --no-raw` would show it, on one line: for transcripts. */
export function describeReply(reply: Reply): string {
  switch (reply.kind) {
    case "status":
      return reply.text;
    case "error":
      return `(error) ${reply.text}`;
    case "bulk":
      return JSON.stringify(reply.text);
    case "verbatim":
      return `(text) ${JSON.stringify(reply.text)}`;
    case "integer":
      return `(integer) ${reply.value}`;
    case "nil":
      return "(nil)";
    case "array":
    case "set":
    case "push":
      return `${MARKS[reply.kind]}[${reply.items.map(describeReply).join(", ")}]`;
    case "map":
      return `{${reply.pairs.map((pair) => pair.map(describeReply).join(": ")).join(", ")}}`;
  }
}

const MARKS = { array: "", set: "~", push: ">" } as const;
