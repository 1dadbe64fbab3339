/** Who this process is, as lock files and messages name it. */

import { readFileSync } from "node:fs";
import { hostname, totalmem, uptime } from "node:os";
import type { ProcessIdentity } from "../world/world.ts";

const BOOT_ID_PATH = "/proc/sys/kernel/random/boot_id";

export function hostProcess(): ProcessIdentity {
  return {
    host: hostname(),
    pid: process.pid,
    bootId: bootId(),
    startedMs: Math.round(Date.now() - process.uptime() * 1000),
    memoryBytes: memoryBytes(),
  };
}

/** What the machine has, or less where the process is held to less (a container). */
function memoryBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

function bootId(): string {
  try {
    return readFileSync(BOOT_ID_PATH, "utf8").trim();
  } catch {
    // Elsewhere than on Linux, the minute of the start is as good as an identity for messages.
    return `started-${Math.round((Date.now() / 1000 - uptime()) / 60)}`;
  }
}
