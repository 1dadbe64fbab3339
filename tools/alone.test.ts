import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

test("of processes that set up at once one works, also behind one that died", async () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-alone-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [file, notes] = [join(folder, "lock"), join(folder, "notes")];
  const dead = spawn(process.execPath, ["--version"]);
  await once(dead, "close");
  writeFileSync(file, String(dead.pid));

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
  expect(existsSync(file)).toBe(false);
});
