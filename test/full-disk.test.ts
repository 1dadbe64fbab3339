import { mkdirSync, mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { temporaryDirectory } from "./support/directories.ts";
import { connectTo } from "./support/redis-client.ts";
import { runProgram } from "./support/programs.ts";
import { Server } from "./support/server.ts";

const DISK_BYTES = 40 * 1024 * 1024;
const VALUE = "v".repeat(16 * 1024);
const KEYS_MAX = 4_000;

const mayMount = await canMount();

test.skipIf(!mayMount)(
  "on a full disk writers are told, readers go on, and space frees it",
  async () => {
    const data = await smallDisk();
    const first = await Server.start({ data });
    const client = connectTo(first.port);

    const written = await writeUntilFull(client);
    expect(written, "something fitted").toBeGreaterThan(10);
    expect(written, "the disk got full").toBeLessThan(KEYS_MAX);
    expect(await client.get(keyOf(0)), "readers go on").toBe(VALUE);
    expect(await client.dbsize()).toBe(written);

    for (let index = 0; index < written; index += 2) await client.del(keyOf(index));
    await expect
      .poll(async () => await client.set("again", VALUE).catch(String), {
        timeout: 30_000,
      })
      .toBe("OK");
    await first.kill();

    const second = await Server.start({ data });
    const reader = connectTo(second.port);
    expect(await reader.get("again")).toBe(VALUE);
    expect(await reader.get(keyOf(1))).toBe(VALUE);
    expect(await reader.get(keyOf(0))).toBeNull();
    expect((await second.stop()).code).toBe(0);
  },
);

/** How many keys were acknowledged before one was refused. */
async function writeUntilFull(client: Redis): Promise<number> {
  for (let index = 0; index < KEYS_MAX; index++) {
    try {
      await client.set(keyOf(index), VALUE);
    } catch (error) {
      expect(String(error)).toMatch(/OOM|full/u);
      return index;
    }
  }
  return KEYS_MAX;
}

function keyOf(index: number): string {
  return `key:${index}`;
}

async function smallDisk(): Promise<string> {
  const mountPoint = temporaryDirectory();
  await mount(mountPoint);
  // Runs before the directory is removed: what is registered last is called first.
  onTestFinished(async () => {
    await runProgram("umount", ["--lazy", mountPoint]);
  });
  const data = join(mountPoint, "data");
  mkdirSync(data);
  return data;
}

async function mount(mountPoint: string): Promise<void> {
  await runProgram("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "none", mountPoint]);
}

async function canMount(): Promise<boolean> {
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
