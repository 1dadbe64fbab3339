/**
 * A small file that is replaced whole, in one step: at every moment, and after a crash of the
 * process or a loss of power at any moment, it holds either what it held or all of the new bytes.
 *
 * The new bytes are written beside the file and synced; then the copy takes the file's name, and
 * the directory is synced, so that the name lasts too. What a crash leaves beside the file is
 * removed by the next replacement. Two replacements of one file at a time are a bug of the caller.
 */

import type { File, Files } from "../world/files.ts";
import { parentPath } from "../world/paths.ts";

const COPY_SUFFIX = ".new";

/**
 * Resolves when the file holds `bytes` for good. If it rejects the file holds the one or the
 * other, whole; a caller that must know which reads it again.
 */
export async function replaceFile(files: Files, path: string, bytes: Uint8Array): Promise<void> {
  const copy = `${path}${COPY_SUFFIX}`;
  await files.remove(copy);
  await writeWhole(await files.open(copy, "create"), bytes);
  await files.rename(copy, path);
  await files.syncDirectory(parentPath(path));
}

/**
 * The bytes of a file that is replaced so, or undefined if there is none. Its name is made durable
 * first: a process that was killed may have left it in the memory of the system alone, and nobody
 * may act upon what a loss of power would take back.
 */
export async function readReplacedFile(
  files: Files,
  path: string,
): Promise<Uint8Array | undefined> {
  if ((await files.kind(path)) === undefined) return undefined;
  await files.syncDirectory(parentPath(path));
  const file = await files.open(path, "read");
  try {
    const bytes = new Uint8Array(await file.sizeBytes());
    const count = await file.read(0, bytes);
    return bytes.subarray(0, count);
  } finally {
    await file.close();
  }
}

async function writeWhole(file: File, bytes: Uint8Array): Promise<void> {
  try {
    await file.write(0, bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
