/**
 * Gives local sockets paths that are short enough. The system's limit is some hundred bytes, and
 * data directories lie deeper than that; a symbolic link to the socket's directory, in a new
 * directory of our own, is there for as long as the call takes.
 */

import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { Fault } from "../base/fault.ts";
import { ioFault } from "./io-fault.ts";

/** macOS allows 104 with the byte that ends it, Linux 108. */
const PATH_BYTES_MAX = 103;

export async function usingShortPath<T>(
  path: string,
  use: (short: string) => Promise<T>,
): Promise<T> {
  if (fits(path)) return await use(path);

  const made = await makeLink(dirname(path));
  try {
    const short = join(made, "d", basename(path));
    if (!fits(short)) {
      const message = `Cannot use "${path}" as a local socket: shorten its last part or TMPDIR`;
      throw new Fault("ERR_ARGUMENT", message, { path });
    }
    return await use(short);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

async function makeLink(directory: string): Promise<string> {
  try {
    const made = await mkdtemp(join(tmpdir(), "hf-"));
    await symlink(resolve(directory), join(made, "d"));
    return made;
  } catch (error) {
    throw ioFault("make a link in", tmpdir(), error);
  }
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= PATH_BYTES_MAX;
}
