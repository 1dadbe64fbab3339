/** Durable writes where the file system does not take those that go past its cache. */

import { spawnSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";

const WRITER = join(import.meta.dirname, "durable-writer.suite.ts");
const hasStrace = spawnSync("strace", ["-V"]).status === 0;
/** Where the temporary files are, which may take no direct writes to begin with. */
const hasDirect = canOpenDirect();
const BLOCK_COUNT = 4;
const LIMIT_MS = 100_000;

interface Traced {
  readonly printed: string;
  /** The calls that opened the file again to write durably, and those that wrote to it. */
  readonly opens: readonly string[];
  readonly writes: readonly string[];
}

/** Runs the writer on a new file, with calls about it failing as `inject` says, by thread. */
function trace(how: string, inject: string): Traced {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-direct-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [path, log] = [join(folder, "file"), join(folder, "calls")];
  const calls = ["-f", "-P", path, "-o", log, "-e", "trace=openat,pwrite64", "-e", inject];
  const program = [process.execPath, "--import", "tsx", WRITER, path, how];
  const { stdout } = spawnSync("strace", [...calls, ...program], {
    timeout: LIMIT_MS,
    env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
  });
  const lines = readFileSync(log, "utf8").split("\n");
  return {
    printed: stdout.toString(),
    opens: lines.filter((line) => line.includes("openat(") && line.includes("O_DSYNC")),
    writes: lines.filter((line) => line.includes("pwrite64(")),
  };
}

describe.skipIf(!hasStrace || !hasDirect).each(["now", "later"])("durable writes %s", (how) => {
  test("are done another way where a file cannot be opened for direct ones", () => {
    const { printed, opens, writes } = trace(how, "inject=openat:error=EINVAL:when=2");
    expect(printed).toBe("right\n");
    expect(opens).toHaveLength(2);
    expect(opens[0]).toMatch(/O_DIRECT.*EINVAL .*INJECTED/u);
    expect(opens[1]).not.toContain("O_DIRECT");
    expect(writes).toHaveLength(BLOCK_COUNT);
  });

  test("are done another way once a direct one is refused, from that one on", () => {
    const { printed, opens, writes } = trace(how, "inject=pwrite64:error=EINVAL:when=2");
    expect(printed).toBe("right\n");
    expect(opens).toHaveLength(2);
    expect(opens[0]).toContain("O_DIRECT");
    expect(opens[1]).not.toContain("O_DIRECT");
    expect(writes).toHaveLength(BLOCK_COUNT + 1);
    expect(writes[1]).toMatch(/EINVAL .*INJECTED/u);
    const direct = `pwrite64(${descriptorOf(opens[0])},`;
    const cached = `pwrite64(${descriptorOf(opens[1])},`;
    for (const write of writes.slice(0, 2)) expect(write).toContain(direct);
    for (const write of writes.slice(2)) expect(write).toContain(cached);
  });
});

test.skipIf(!hasDirect).each(["now", "later"])(
  "a direct write of which the system takes a part is not taken for done (%s)",
  (how) => {
    const folder = mkdtempSync(join(tmpdir(), "holdfast-direct-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    // A limit on files in the middle of the last block, in units of 512 bytes.
    const limited = ["-c", 'ulimit -f 25; exec "$@"', "sh"];
    const program = [process.execPath, "--import", "tsx", WRITER, join(folder, "file"), how];
    const { stdout, stderr } = spawnSync("sh", [...limited, ...program], {
      timeout: LIMIT_MS,
      env: { ...process.env, TSX_DISABLE_CACHE: "1" },
    });
    expect(stdout.toString()).toBe("");
    expect(stderr.toString()).toMatch(/Cannot write .*EFBIG/u);
  },
);

function descriptorOf(open: string | undefined): string {
  return / = (\d+)/u.exec(open ?? "")?.[1] ?? "none";
}

function canOpenDirect(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-direct-"));
  const { O_CREAT, O_DIRECT, O_WRONLY } = constants;
  try {
    closeSync(openSync(join(folder, "file"), O_CREAT | O_WRONLY | O_DIRECT));
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
