/**
 * One name for each file, however it is given: absolute, and without symbolic links. It is what the
 * file's lock lies beside, and what a process that has an array knows its members by.
 */

import { realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

export function fileName(given: string): string {
  const path = resolve(given);
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
