/**
 * One name for each file, however it is typed: it is what the file's lock lies beside, and what a
 * process that has an array knows its members by.
 */

import { realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

export function memberPath(typed: string): string {
  const path = resolve(typed);
  return real(path) ?? join(real(dirname(path)) ?? dirname(path), basename(path));
}

/** Undefined if there is nothing. */
function real(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
