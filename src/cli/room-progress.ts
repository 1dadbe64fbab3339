/** Shows how files grow that somebody, perhaps another process, makes room on. */

import { stat } from "node:fs/promises";
import type { CommandIo } from "./command-io.ts";

const LOOK_INTERVAL_MS = 200;

export async function showingRoom<T>(
  paths: readonly string[],
  io: CommandIo,
  work: () => Promise<T>,
): Promise<T> {
  const before = await bytesOf(paths);
  const progress = io.progress({ title: "making room", total: undefined, unit: "bytes" });
  const look = async (): Promise<void> => {
    const grown = (await bytesOf(paths)) - before;
    if (0 < grown) progress.update(grown);
  };
  const timer = setInterval(() => {
    look().catch(() => undefined);
  }, LOOK_INTERVAL_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    progress.finish();
  }
}

/** What is not there has no bytes. */
async function bytesOf(paths: readonly string[]): Promise<number> {
  const sizes = await Promise.all(
    paths.map(async (path) => {
      const found = await stat(path).catch(() => undefined);
      return found?.size ?? 0;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
