import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

const alone = new URL("alone.mjs", import.meta.url).href;

/** Notes in the file `notes` when its work begins and when it ends, some time later. */
const WORKER = `
  const { alone } = await import(${JSON.stringify(alone)});
  const { appendFileSync } = await import("node:fs");
  const [file, notes] = process.argv.slice(1);
  alone(file, () => {
    appendFileSync(notes, "begin ");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 150);
    appendFileSync(notes, "end ");
  });
`;

test.each([
  ["died", async () => String(await deadPid())],
  ["died before it had written who it is", () => ""],
])("of processes that set up at once one works, also behind one that %s", async (_, contentOf) => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-alone-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [file, notes] = [join(folder, "lock"), join(folder, "notes")];
  writeFileSync(file, await contentOf());
  utimesSync(file, 0, 0);

  const workers = [1, 2, 3].map(() =>
    spawn(process.execPath, ["--input-type=module", "--eval", WORKER, file, notes]),
  );
  const codes = await Promise.all(workers.map(async (worker) => await once(worker, "close")));
  expect(codes).toEqual([
    [0, null],
    [0, null],
    [0, null],
  ]);
  expect(readFileSync(notes, "utf8")).toBe("begin end begin end begin end ");
  expect(readdirSync(folder)).toEqual(["notes"]);
});

async function deadPid(): Promise<number> {
  const dead = spawn(process.execPath, ["--version"]);
  await once(dead, "close");
  return dead.pid ?? 0;
}
