import { expect, test } from "vitest";
import { type ExitCode, UsageError } from "./command-io.ts";
import { hear } from "./heard-io.suite.ts";
import { addSimCommand } from "./sim.ts";

async function run(...words: readonly string[]): Promise<{ text: string; exitCode: ExitCode }> {
  const { text, exitCode } = await hear(["sim", ...words], addSimCommand);
  return { text, exitCode };
}

test("a run is told in a line, and the same seed tells the same", async () => {
  const first = await run("--seed", "3");
  expect(first.text).toMatch(/^seed 3: held; \d+ transactions .* trace [0-9a-f]{16}\n$/);
  expect(first.exitCode).toBe(0);
  expect(await run("--seed", "3")).toEqual(first);
  const two = await run("--redis", "--seed", "3", "--seeds", "2");
  expect(two.text).toMatch(/^seed 3: held; .*\nseed 4: held; .*\n$/);
});

test("what is no number is refused", async () => {
  await expect(run("--seed", "x")).rejects.toBeInstanceOf(UsageError);
  await expect(run("--seeds", "0")).rejects.toBeInstanceOf(UsageError);
});
