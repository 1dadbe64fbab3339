import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { addCheckCommand } from "./check.ts";
import { type ExitCode, UsageError } from "./command-io.ts";
import { hear } from "./heard-io.suite.ts";
import { addScheduleCommand } from "./schedule.ts";

interface Ran {
  readonly values: readonly Record<string, unknown>[];
  readonly text: string;
  readonly exitCode: ExitCode;
}

async function run(...words: readonly string[]): Promise<Ran> {
  const { values, text, exitCode } = await hear(words, addCheckCommand, addScheduleCommand);
  return { values: values as Record<string, unknown>[], text, exitCode };
}

const folder = mkdtempSync(join(tmpdir(), "holdfast-check-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const data = new URL("../history/testdata/", import.meta.url);
const good = new URL("etcd-registers/etcd_005.log", data).pathname;
const bad = new URL("etcd-registers/etcd_006.log", data).pathname;

describe("check", () => {
  test("valid is 0, invalid is 1, and each file has its object", async () => {
    const { values, exitCode } = await run("check", good, bad, "--workload", "cas-register");
    expect(values.map(({ file, verdict }) => [file, verdict])).toEqual([
      [good, "valid"],
      [bad, "invalid"],
    ]);
    expect(exitCode).toBe(1);
    expect((await run("check", good, "--workload", "cas-register")).exitCode).toBe(0);
  });

  test("unknown is 4", async () => {
    const { values, exitCode } = await run(
      "check",
      good,
      "--workload",
      "cas-register",
      "--steps",
      "3",
    );
    expect(values[0]?.["verdict"]).toBe("unknown");
    expect(exitCode).toBe(4);
  });

  test("gzipped files are read as the others", async () => {
    const zipped = join(folder, "etcd.log.gz");
    writeFileSync(zipped, gzipSync(readFileSync(bad)));
    const { values } = await run("check", zipped, "--workload", "cas-register");
    expect(values[0]?.["verdict"]).toBe("invalid");
  });

  test("what cannot be read is a mistake of usage that names the file", async () => {
    const file = join(folder, "nothing.edn");
    writeFileSync(file, "nothing");
    await expect(run("check", file, "--workload", "bank")).rejects.toThrow(UsageError);
    await expect(run("check", file, "--workload", "bank")).rejects.toThrow(file);
    await expect(run("check", `${file}.gone`, "--workload", "bank")).rejects.toThrow("cannot read");
    await expect(run("check", good, "--workload", "register", "--steps", "x")).rejects.toThrow(
      "--steps takes a number",
    );
  });

  test("what was promised decides, and what was found is still listed", async () => {
    const file = join(folder, "stale.json");
    const events = [
      { process: 0, type: "invoke", f: "txn", value: [["append", "x", 1]] },
      { process: 0, type: "ok", f: "txn", value: [["append", "x", 1]] },
      { process: 1, type: "invoke", f: "txn", value: [["r", "x", null]] },
      { process: 1, type: "ok", f: "txn", value: [["r", "x", []]] },
    ];
    writeFileSync(file, JSON.stringify(events));
    const strict = await run("check", file, "--workload", "list-append");
    expect([strict.exitCode, strict.text]).toEqual([1, expect.stringContaining("stale read")]);
    const weak = await run(
      "check",
      file,
      "--workload",
      "list-append",
      "--isolation",
      "serializable",
    );
    expect([weak.exitCode, weak.text]).toEqual([0, expect.stringContaining("stale read")]);
    expect((await run("check", file, "--workload", "list-append", "--svg")).text).toMatch(/^<svg/);
    expect((await run("check", file, "--workload", "list-append", "--dot")).text).toMatch(
      /^digraph/,
    );
  });
});

describe("schedule", () => {
  test("says whether it is conflict-serializable, and ends accordingly", async () => {
    const yes = await run("schedule", "r1(x) w2(x) c1 c2");
    expect(yes.values[0]).toMatchObject({
      conflictSerializable: true,
      serialOrders: [["T1", "T2"]],
    });
    expect(yes.exitCode).toBe(0);
    const no = await run("schedule", "r1(x)", "w2(x)", "w1(x)");
    expect(no.values[0]).toMatchObject({ conflictSerializable: false });
    expect(no.exitCode).toBe(1);
  });

  test("draws", async () => {
    expect((await run("schedule", "r1(x) w2(x)", "--svg")).text).toMatch(/^<svg/);
    expect((await run("schedule", "w1(x) w2(x)", "--dot", "--waits")).text).toMatch(/^digraph/);
  });

  test("what it cannot read is a mistake of usage", async () => {
    await expect(run("schedule", "r1(x) q")).rejects.toThrow(UsageError);
    await expect(run("schedule", "r1(x)", "--orders", "no")).rejects.toThrow("--orders takes");
  });
});
