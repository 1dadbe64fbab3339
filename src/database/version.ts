/**
 * Versions: when something was last written, as tokens that can be kept, compared and handed back.
 * They compare as strings in the order of the commits, and mean something in their own store only.
 */

import { Fault } from "../base/fault.ts";
import { type Lsn, lsn } from "../base/ids.ts";

declare const brand: unique symbol;

/**
 * When a key was last written, or what a snapshot sees, or where a watch has come to. Later is
 * greater (`<` and `>` work), equal is the same commit. It is a string, to be kept as it is.
 */
export type Version = string & { readonly [brand]: "Version" };

const DIGITS = 14;
const PATTERN = /^[0-9a-f]{14}$/u;

export function versionOf(position: Lsn): Version {
  return position.toString(16).padStart(DIGITS, "0") as Version;
}

/** The position that a version stands for; `ERR_ARGUMENT` if it is none. */
export function positionOf(version: Version): Lsn {
  const given: unknown = version;
  const position =
    typeof given === "string" && PATTERN.test(given) ? Number.parseInt(given, 16) : -1;
  if (!Number.isSafeInteger(position) || position < 0) {
    const wanted = "one that this database has given out, such as that of `getEntry`";
    throw new Fault("ERR_ARGUMENT", `${JSON.stringify(given)} is no version; pass ${wanted}`);
  }
  return lsn(position);
}
