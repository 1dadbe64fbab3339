/**
 * `holdfast sim`: runs transactions against the store in a simulated world full of faults, and
 * says whether everything that was promised held. The same seed gives the same run.
 */

import type { Command } from "commander";
import { defaultRedisRunOptions, runRedis } from "../simulation/serial/redis/redis-run.ts";
import { runSerial } from "../simulation/serial/serial-run.ts";
import { Fault } from "../base/fault.ts";
import { type CommandIo, EXIT, UsageError } from "./command-io.ts";
import { thousands } from "./progress.ts";

const SEED_MAX = Number.MAX_SAFE_INTEGER;

interface SimFlags {
  readonly seed: string;
  readonly seeds: string;
  readonly redis?: true;
}

/** What both kinds of runs say of themselves. */
interface RunReport {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly sights: ReadonlySet<string>;
  readonly transactionCount: number;
  readonly virtualMs: number;
  readonly traceHash: string;
}

export function addSimCommand(program: Command, io: CommandIo): void {
  program
    .command("sim")
    .summary("try the store in a simulated world")
    .description(
      "Runs concurrent transactions against the store on virtual time, with crashes, power cuts, " +
        "failing and full disks and take-overs that follow from the seed, and checks that the " +
        "run was serializable and that nothing acknowledged was lost.",
    )
    .option("--seed <number>", "the seed of the first run", "1")
    .option("--seeds <count>", "how many runs, each with the next seed", "1")
    .option("--redis", "with Redis clients on a simulated network, instead of calls of the library")
    .addHelpText("after", "\nExample:\n  holdfast sim --seed 7\n  holdfast sim --seeds 100\n")
    .action(async ({ seed, seeds, redis }: SimFlags) => {
      const run = redis === true ? redisRun : serialRun;
      await simulate(run, numberOf("--seed", seed), numberOf("--seeds", seeds), io);
    });
}

async function serialRun(seed: number): Promise<RunReport> {
  return await runSerial({ seed, drain });
}

async function redisRun(seed: number): Promise<RunReport> {
  return await runRedis({ ...defaultRedisRunOptions, seed, drain });
}

async function simulate(
  run: (seed: number) => Promise<RunReport>,
  first: number,
  count: number,
  io: CommandIo,
): Promise<void> {
  const progress = io.progress({ title: "simulating", total: count, unit: "runs" });
  let failedCount = 0;
  let ranCount = 0;
  while (ranCount < count && !io.signal.aborted) {
    const report = await run(first + ranCount);
    ranCount++;
    if (report.violations.length > 0) failedCount++;
    progress.update(ranCount);
    const { sights, ...rest } = report;
    io.result({ ...rest, sights: [...sights] }, () => describe(report, io));
  }
  progress.finish();
  if (ranCount < count) {
    const message = `interrupted after ${thousands(ranCount)} of ${thousands(count)} runs`;
    throw new Fault("ERR_ABORTED", message, { ranCount, failedCount });
  }
  io.setExitCode(failedCount === 0 ? EXIT.ok : EXIT.failed);
}

function describe(report: RunReport, io: CommandIo): string {
  const { seed, violations, transactionCount, virtualMs, traceHash } = report;
  const held = violations.length === 0;
  const verdict = held ? io.style("green", "held") : io.style("red", "did not hold");
  const lines = [
    `seed ${seed}: ${verdict}; ${thousands(transactionCount)} transactions in ` +
      `${Math.round(virtualMs)} ms of virtual time, trace ${traceHash}`,
    ...violations.map((violation) => `  ${violation.replaceAll("\n", "\n  ")}`),
  ];
  return lines.join("\n");
}

function numberOf(option: string, text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && 0 < number && number <= SEED_MAX) return number;
  throw new UsageError(`${option} takes a number such as 7, not "${text}"`);
}

/** One turn of the event loop, after which no promise can settle by itself. */
async function drain(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
