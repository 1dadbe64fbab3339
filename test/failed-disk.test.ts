import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { temporaryDirectory } from "./support/directories.ts";
import { Ledger } from "./support/ledger.ts";
import { hasProgram } from "./support/programs.ts";
import { Server } from "./support/server.ts";

const CLIENTS = 8;
const ATTACH_MS = 500;
const WRITES = "pwrite64,pwritev,pwritev2,write,writev";
const SYNCS = "fsync,fdatasync,sync_file_range";

/**
 * Each makes the kernel fail what the server asks of its volume: the calls are swallowed on their
 * way in, for that file alone. Whichever way it syncs, one of them hits it.
 */
const faults = [
  { name: "every write and sync fails from now on", inject: `${WRITES},${SYNCS}:error=EIO` },
  { name: "one write or sync fails, once", inject: `${WRITES},${SYNCS}:error=EIO:when=5` },
];

test.skipIf(!hasProgram("strace")).each(faults)(
  "when $name, the server says so and stops, and holds every acknowledged write",
  async ({ inject }) => {
    const data = temporaryDirectory();
    const ledger = new Ledger(CLIENTS);
    const first = await Server.start({ data });
    const writing = ledger.writeUntilGone(first.port);
    await sleep(ATTACH_MS);
    await injectFaults(first.pid, volumeIn(data), inject);

    const { code, stderr } = await first.ended;
    await writing;
    expect(code).toBe(1);
    expect(stderr).toContain("the store has failed");
    expect(stderr).toContain("EIO");

    const second = await Server.start({ data });
    await ledger.check(second.port);
    expect(ledger.acknowledgedCount).toBeGreaterThan(CLIENTS);
    expect((await second.stop()).code).toBe(0);
  },
);

/** Attaches to all threads of the process, and resolves once it has. */
async function injectFaults(pid: number, path: string, inject: string): Promise<void> {
  const args = ["-f", "-p", String(pid), "-P", path, "-e", `inject=${inject}`];
  const strace = spawn("strace", args, { stdio: ["ignore", "ignore", "pipe"] });
  onTestFinished(() => {
    strace.kill();
  });
  await once(strace.stderr, "data");
}

/** The largest file is the volume. */
function volumeIn(data: string): string {
  const files = readdirSync(data)
    .map((name) => join(data, name))
    .filter((path) => statSync(path).isFile())
    .toSorted((left, right) => statSync(right).size - statSync(left).size);
  return files[0] ?? data;
}
