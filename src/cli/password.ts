/**
 * Where the password comes from: a file or the variable `HOLDFAST_REQUIREPASS`, never the command
 * line, which everyone on the machine can read. A file that others may read, or that holds
 * nothing, is refused rather than served with.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { messageOf } from "../base/fault.ts";
import { UsageError } from "./command-io.ts";
import { PASSWORD_VARIABLE } from "./settings.ts";

const READABLE_BY_ALL = 0o004;

export async function readPassword(
  file: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  if (file !== undefined) return await readPasswordFile(file);

  const password = environment[PASSWORD_VARIABLE];
  if (password === "") {
    throw new UsageError(`${PASSWORD_VARIABLE} is empty: give it a password, or unset it`);
  }
  return password;
}

/** Whether both are the same, in a time that does not tell how much of them is. */
export function samePassword(left: string, right: string): boolean {
  return timingSafeEqual(digest(left), digest(right));
}

async function readPasswordFile(file: string): Promise<string> {
  const text = await readSecret(file);
  const [password = ""] = text.split(/\r?\n/u, 1);
  if (password === "") throw new UsageError(`${file} holds no password in its first line`);
  return password;
}

async function readSecret(file: string): Promise<string> {
  try {
    const { mode } = await stat(file);
    if ((mode & READABLE_BY_ALL) === 0) return await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(`the password cannot be read: ${messageOf(error)}`);
  }
  throw new UsageError(`everyone may read the password in ${file}: run "chmod 600 ${file}"`);
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
