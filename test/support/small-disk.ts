/** A small file system of its own, in memory. Only who may mount can have one. */

import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { temporaryDirectory } from "./directories.ts";
import { runProgram } from "./programs.ts";

const SMALL_DISK_BYTES = 40 * 1024 * 1024;

/** Where it is mounted, until the test ends. */
export async function smallDisk(): Promise<string> {
  const mountPoint = temporaryDirectory();
  await mount(mountPoint);
  // Runs before the directory is removed: what is registered last is called first.
  onTestFinished(async () => {
    await runProgram("umount", ["--lazy", mountPoint]);
  });
  return mountPoint;
}

export async function canMount(): Promise<boolean> {
  const mountPoint = mkdtempSync(join(tmpdir(), "holdfast-mount-"));
  try {
    await mount(mountPoint);
    await runProgram("umount", [mountPoint]);
    return true;
  } catch {
    return false;
  } finally {
    rmdirSync(mountPoint);
  }
}

async function mount(mountPoint: string): Promise<void> {
  await runProgram("mount", ["-t", "tmpfs", "-o", `size=${SMALL_DISK_BYTES}`, "none", mountPoint]);
}
