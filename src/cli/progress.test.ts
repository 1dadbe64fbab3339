import { expect, test } from "vitest";
import { amount, describeProgress, duration, ProgressReport, thousands } from "./progress.ts";

const work = { title: "verifying", total: 4 * 1024 ** 3, unit: "bytes" };

function screen(rewritable: boolean): {
  readonly written: string[];
  readonly report: ProgressReport;
  readonly at: (nowMs: number, done: number) => void;
} {
  const written: string[] = [];
  let nowMs = 0;
  const report = new ProgressReport(work, {
    rewritable,
    nowMs: () => nowMs,
    write: (text) => written.push(text),
  });
  const at = (ms: number, done: number): void => {
    nowMs = ms;
    report.update(done);
  };
  return { written, report, at };
}

test("it says share, amount, rate and the time left", () => {
  expect(describeProgress(work, 1024 ** 3, 10_000)).toBe(
    "verifying: 25% (1.0 GiB of 4.0 GiB), 102 MiB/s, 30 s left",
  );
  expect(describeProgress({ ...work, total: undefined, unit: "entries" }, 1_500, 1_000)).toBe(
    "verifying: 1,500 entries, 1,500 entries/s",
  );
});

test("away from a terminal there is a line every ten seconds", () => {
  const { written, report, at } = screen(false);
  for (let second = 1; second <= 35; second++) at(second * 1_000, second);
  report.finish();
  expect(written).toHaveLength(3);
  for (const line of written) expect(line).toMatch(/^verifying: .*\n$/u);
});

test("on a terminal one line is rewritten, and wiped in the end", () => {
  const { written, report, at } = screen(true);
  for (let ms = 10; ms <= 1_000; ms += 10) at(ms, ms);
  expect(written).toHaveLength(10);
  report.finish();
  expect(written.at(-1)).toBe("\r\u001b[2K");
  expect(written.join("")).not.toContain("\n");
});

test("short work shows nothing", () => {
  for (const rewritable of [true, false]) {
    const { written, report, at } = screen(rewritable);
    at(50, 1);
    report.finish();
    expect(written).toEqual([]);
  }
});

test.each([
  [0, "0 B"],
  [1_023, "1023 B"],
  [1_024, "1.0 KiB"],
  [10.5 * 1024 ** 2, "11 MiB"],
])("%d bytes are %o", (bytes, text) => {
  expect(amount(bytes, "bytes")).toBe(text);
});

test("durations and counts read well", () => {
  expect([0.2, 59, 61, 3_599, 7_500].map((seconds) => duration(seconds))).toEqual([
    "1 s",
    "59 s",
    "1 min 1 s",
    "59 min 59 s",
    "2 h 5 min",
  ]);
  expect([1, 999, 1_000, 1_234_567, 1_234.567_89].map((count) => thousands(count))).toEqual([
    "1",
    "999",
    "1,000",
    "1,234,567",
    "1,234.568",
  ]);
});
