import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root, temporaryDirectory } from "./support/directories.ts";
import { connectTo } from "./support/redis-client.ts";
import { Server } from "./support/server.ts";

const CLIENTS = 8;
const ROUNDS = 30;

test("what a server was asked is recorded, and the checker judges it", async () => {
  const folder = temporaryDirectory();
  const file = join(folder, "record.ndjson");
  const server = await Server.start({
    data: join(folder, "data"),
    flags: ["--record", file],
  });
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const client = connectTo(server.port);
      for (let round = 0; round < ROUNDS; round++) {
        await client.incr(`counter:${round % 3}`);
        await client.multi().get("counter:0").set("copy", round).exec();
      }
    }),
  );
  expect((await server.stop()).code).toBe(0);
  expect(check(file)).toBe(0);

  // A read that saw the counter before a write that it was told of: somebody's update got lost.
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  const spoiled = lines.map((line, index) =>
    index === lines.length - 1 ? staleRead(lines) : line,
  );
  writeFileSync(file, `${spoiled.join("\n")}\n`);
  expect(check(file)).toBe(1);
});

/** The last record, as if it had seen what the first write of all left. */
function staleRead(lines: readonly string[]): string {
  const records = lines.map((line) => JSON.parse(line) as Recorded);
  const first = records.find(({ operations }) => operations.some(({ kind }) => kind === "write"));
  const key = first?.operations.find(({ kind }) => kind === "write")?.key;
  const last = records.at(-1);
  return JSON.stringify({
    ...last,
    operations: [{ kind: "read", key, version: first?.lsn }],
    lsn: undefined,
  });
}

interface Recorded {
  readonly lsn?: number;
  readonly operations: readonly { readonly kind: string; readonly key: string }[];
}

function check(file: string): number | null {
  const program = join(root, "holdfast");
  const args = [program, "check", file, "--workload", "recorded", "--json"];
  return spawnSync(process.execPath, args, { encoding: "utf8" }).status;
}
