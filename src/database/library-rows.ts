/** What a store is told of the library's rows: which are its own, and how users call the others. */

import { printable } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import type { RowSpace } from "../base/row-spaces.ts";
import { decodeLibraryKey, LIBRARY_SPACE, OWN_SPACE } from "./key-space.ts";
import type { KeyPart } from "./tuple.ts";

const NAME_LENGTH_MAX = 100;

export const libraryRows: RowSpace = {
  isOwn: (bytes, at) => bytes[at] === OWN_SPACE,
  nameOf: (key) => (key[0] === LIBRARY_SPACE ? libraryKeyName(key) : undefined),
};

/** The key of a user as it would be written in a program, or its bytes where it is cut. */
export function libraryKeyName(key: Uint8Array): string {
  try {
    const parts = decodeLibraryKey(key);
    const [only] = parts;
    const isText = parts.length === 1 && typeof only === "string";
    return shortened(isText ? JSON.stringify(only) : nameOfPart(parts));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return `"${printable(key.subarray(1))}"`;
  }
}

function nameOfPart(part: KeyPart | readonly KeyPart[]): string {
  if (Array.isArray(part)) return `[${part.map(nameOfPart).join(", ")}]`;
  if (part instanceof Uint8Array) return `"${printable(part)}"`;
  if (typeof part === "bigint") return `${part}n`;
  return typeof part === "string" ? JSON.stringify(part) : String(part);
}

function shortened(name: string): string {
  return name.length <= NAME_LENGTH_MAX ? name : `${name.slice(0, NAME_LENGTH_MAX)}...`;
}
