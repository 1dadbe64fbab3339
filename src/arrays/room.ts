/** Whether there is room for what files are to become, asked before any of them grows. */

import { Fault } from "../base/fault.ts";
import type { Files } from "../world/files.ts";
import { parentPath } from "../world/paths.ts";

/**
 * `ERR_FULL` if a file system has not as many bytes free as its files are to grow by: a disk that
 * fills up is trouble for all who use it. Those of one directory, of which the same is free, share
 * it.
 */
export async function requireRoom(
  files: Files,
  growth: ReadonlyMap<string, number>,
): Promise<void> {
  const shared = new Map<string, number>();
  for (const [path, growthBytes] of growth) {
    if (growthBytes <= 0) continue;
    const isThere = (await files.kind(path)) !== undefined;
    const freeBytes = await files.freeBytes(isThere ? path : parentPath(path));
    const place = `${freeBytes} ${parentPath(path)}`;
    const neededBytes = (shared.get(place) ?? 0) + growthBytes;
    if (freeBytes < neededBytes) throw full(path, neededBytes, freeBytes, shared.has(place));
    shared.set(place, neededBytes);
  }
}

function full(path: string, neededBytes: number, freeBytes: number, isShared: boolean): Fault {
  const who = isShared ? `"${path}" and those beside it` : `"${path}"`;
  const message =
    `${who} would need ${neededBytes} bytes more, and the file system has ${freeBytes} free: ` +
    "choose a smaller size, or make room";
  return new Fault("ERR_FULL", message, { path, neededBytes, freeBytes });
}
