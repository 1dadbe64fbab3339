/**
 * `holdfast reliability`: how long data lasts on disks that fail, for the user's own numbers,
 * layout by layout.
 */

import { writeFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import type { RepairOrder } from "../reliability/availability.ts";
import {
  type Comparison,
  type LayoutReport,
  type MemberModel,
  reportOnLayout,
} from "../reliability/comparison.ts";
import { isFault, messageOf } from "../base/fault.ts";
import { type Layout, layoutOf, layoutWords, layoutsFor } from "../reliability/layouts.ts";
import { plotLosses } from "../reliability/loss-plot.ts";
import { type MeasuredFigures, figuresOf } from "../reliability/measured.ts";
import { defaultSimulationOptions } from "../reliability/monte-carlo.ts";
import { parseBytes, parseHours, parseShare } from "../reliability/quantities.ts";
import { readCounters } from "../reliability/read-counters.ts";
import {
  describeComparison,
  describeMeasured,
  memberFigures,
} from "../reliability/reliability-words.ts";
import { type CommandIo, UsageError } from "./command-io.ts";

interface ReliabilityFlags {
  readonly mttf?: string;
  readonly mttr?: string;
  readonly disks: string;
  readonly level?: string;
  readonly mission: string;
  readonly diskSize?: string;
  readonly ure?: string;
  readonly latentMttf?: string;
  readonly scrub?: string;
  readonly repair: RepairOrder;
  readonly spares: string;
  readonly replace?: string;
  readonly commonCause: string;
  readonly measured?: string;
  readonly confidence: string;
  readonly simulate?: string | true;
  readonly seed?: string;
  readonly plot?: string;
}

export function addReliabilityCommand(program: Command, io: CommandIo): void {
  program
    .command("reliability")
    .summary("say how long data lasts on disks that fail")
    .description(
      "Compares ways to lay data over disks: the mean time to data loss, the probability of " +
        "losing some within a mission, and availability. Times take s, min, h, d, w or y, sizes " +
        "GB, TB, TiB and so on. What the figures assume is in docs/reliability.md.",
    )
    .option("--mttf <time>", "mean time to failure of one disk")
    .option("--mttr <time>", "mean time to repair: until a failed disk is rebuilt; or never")
    .option("--disks <count>", "how many disks there are", "8")
    .option("--level <list>", `what to compare, with commas: ${layoutWords}`)
    .option("--mission <time>", "how long the data should last", "5y")
    .option("--disk-size <size>", "what one disk holds")
    .option("--ure <share>", "how likely one bit cannot be read: 1e-15; asks for --disk-size")
    .option("--latent-mttf <time>", "mean time until a disk has a bad sector; asks for --scrub")
    .option("--scrub <time>", "everything is read and put right once in so long")
    .addOption(
      new Option("--repair <order>", "failed disks are rebuilt all at once or one by one")
        .choices(["parallel", "serial"])
        .default("parallel"),
    )
    .option("--spares <count>", "disks of each group that wait for a failure", "0")
    .option("--replace <time>", "time until a new disk stands in for a failed one", undefined)
    .option("--common-cause <share>", "share of failures that take the whole group", "0")
    .option("--measured <file>", "counters of real disks as JSON, instead of data sheets; or -")
    .option("--confidence <share>", "how often intervals hold", "95%")
    .option("--simulate [paths]", "also by simulation, with intervals")
    .option("--seed <number>", "of the simulation; asks for --simulate (default: 1)")
    .option("--plot <file>", "write the probability of loss over time there, as SVG")
    .addHelpText("after", helpText)
    .action(async (flags: ReliabilityFlags) => {
      await compare(flags, io);
    });
}

const helpText = `
Example:
  holdfast reliability --mttf 1.2e6h --mttr 24h --disks 8
  holdfast reliability --mttf 1.2e6h --mttr 24h --disks 8 --disk-size 8TB --ure 1e-15 \\
    --latent-mttf 60y --scrub 14d --mission 5y --level 5,6,10 --plot loss.svg
  holdfast reliability --mttf 1y --mttr 1h --level replicas:3/1 --simulate
  holdfast reliability --measured counters.json --mttr 24h --disks 8

Counters for --measured are such as
  {"diskHours": 140160, "failures": 1, "repairHours": [9.5]}`;

async function compare(flags: ReliabilityFlags, io: CommandIo): Promise<void> {
  const confidence = shareOf("--confidence", flags.confidence);
  if (confidence === 0 || confidence === 1) {
    throw new UsageError("--confidence takes a share between 0 and 1, such as 95%");
  }
  if (flags.plot !== undefined && !flags.plot.endsWith(".svg")) {
    throw new UsageError(`--plot writes SVG: give a file such as loss.svg, not "${flags.plot}"`);
  }
  const measured = await measuredBy(flags, confidence, io);
  const comparison = comparisonOf(flags, measured, confidence);
  remark(flags, io);
  const reports = readable(() => reportsOn(comparison, io));
  if (flags.plot !== undefined) {
    await writePlot(flags.plot, plotLosses(comparison));
    io.note(`the plot is in ${flags.plot}`);
  }
  const { member, missionHours } = comparison;
  io.result({ member: memberFigures(member), missionHours, measured, layouts: reports }, () =>
    [
      ...(measured === undefined ? [] : describeMeasured(measured, confidence)),
      ...describeComparison(comparison, reports),
    ].join("\n"),
  );
}

function reportsOn(comparison: Comparison, io: CommandIo): readonly LayoutReport[] {
  const { layouts } = comparison;
  const progress = io.progress({ title: "comparing", total: layouts.length, unit: "layouts" });
  try {
    return layouts.map((layout, index) => {
      progress.update(index);
      return reportOnLayout(layout, comparison);
    });
  } finally {
    progress.finish();
  }
}

function comparisonOf(
  flags: ReliabilityFlags,
  measured: MeasuredFigures | undefined,
  confidence: number,
): Comparison {
  const member = memberOf(flags, measured, "estimate");
  const best = memberOf(flags, measured, "low");
  const worst = memberOf(flags, measured, "high");
  return {
    layouts: layoutsOf(flags),
    member,
    missionHours: hoursOf("--mission", flags.mission),
    simulation:
      flags.simulate === undefined
        ? undefined
        : {
            seed: countOf("--seed", flags.seed ?? "1"),
            pathCount:
              flags.simulate === true
                ? defaultSimulationOptions.pathCount
                : countOf("--simulate", flags.simulate, 2),
            confidence,
          },
    bounds: measured === undefined ? undefined : { best, worst },
  };
}

/** A flag is stronger than what was measured. */
function memberOf(
  flags: ReliabilityFlags,
  measured: MeasuredFigures | undefined,
  end: "estimate" | "low" | "high",
): MemberModel {
  // The rate of failure is low where the time to failure is high.
  const failures = measured?.failuresPerHour[end];
  const mttfHours = timeOf("--mttf", flags.mttf) ?? mttfOf(failures);
  if (mttfHours === undefined) {
    throw new UsageError("say how often a disk fails: --mttf 1.2e6h, or --measured FILE");
  }
  const mttr = flags.mttr === "never" ? Number.POSITIVE_INFINITY : timeOf("--mttr", flags.mttr);
  const mttrHours = mttr ?? measured?.mttrHours?.[end];
  if (mttrHours === undefined) {
    throw new UsageError("say how long it takes to repair: --mttr 24h, or --mttr never");
  }
  return {
    mttfHours,
    mttrHours,
    repair: flags.repair,
    spareCount: countOf("--spares", flags.spares),
    replaceHours: timeOf("--replace", flags.replace) ?? 0,
    commonCauseShare: shareOf("--common-cause", flags.commonCause),
    sectorErrors: {
      errorsPerBit:
        flags.ure === undefined
          ? (measured?.errorsPerBit?.[end] ?? 0)
          : shareOf("--ure", flags.ure),
      memberBytes:
        flags.diskSize === undefined ? 0 : asking("--disk-size", parseBytes, flags.diskSize),
      latentMttfHours: timeOf("--latent-mttf", flags.latentMttf) ?? Number.POSITIVE_INFINITY,
      scrubHours: timeOf("--scrub", flags.scrub) ?? 0,
    },
  };
}

/** Longer than anything lasts, for a rate that may be zero. */
const FOR_EVER_HOURS = 1e200;

function mttfOf(failuresPerHour: number | undefined): number | undefined {
  return failuresPerHour === 0 ? FOR_EVER_HOURS : failuresPerHour && 1 / failuresPerHour;
}

function layoutsOf({ disks, level }: ReliabilityFlags): readonly Layout[] {
  const diskCount = countOf("--disks", disks, 1);
  if (level === undefined) return layoutsFor(diskCount);
  return level
    .split(",")
    .map((word) => asking("--level", (text) => layoutOf(text, diskCount), word.trim()));
}

async function measuredBy(
  { measured }: ReliabilityFlags,
  confidence: number,
  io: CommandIo,
): Promise<MeasuredFigures | undefined> {
  if (measured === undefined) return undefined;
  const bytes = await readFileOf(measured, io);
  return asking(
    measured,
    (text) => figuresOf(readCounters(text), confidence),
    new TextDecoder().decode(bytes),
  );
}

async function readFileOf(path: string, io: CommandIo): Promise<Uint8Array> {
  try {
    return await io.readInput(path);
  } catch (error) {
    if (error instanceof Error && "code" in error) {
      throw new UsageError(`cannot read ${path}: ${error.message}`);
    }
    throw error;
  }
}

async function writePlot(path: string, plot: string): Promise<void> {
  try {
    await writeFile(path, plot);
  } catch (error) {
    throw new UsageError(`cannot write the plot: ${messageOf(error)}`);
  }
}

/** Refuses what would silently come to nothing, and says what does come to nothing. */
function remark(flags: ReliabilityFlags, io: CommandIo): void {
  if (flags.ure !== undefined && flags.diskSize === undefined) {
    throw new UsageError("--ure needs --disk-size: how much a rebuild must read");
  }
  if (flags.latentMttf !== undefined && flags.scrub === undefined) {
    throw new UsageError("--latent-mttf needs --scrub: without, errors gather for ever");
  }
  if (flags.seed !== undefined && flags.simulate === undefined) {
    throw new UsageError("--seed needs --simulate: nothing else is drawn at random");
  }
  if (flags.scrub !== undefined && flags.latentMttf === undefined) {
    io.note("--scrub changes nothing without --latent-mttf, which says how fast errors gather");
  }
  if (flags.spares !== "0" && flags.replace === undefined) {
    io.note("--spares change nothing without --replace, which says how long a new disk takes");
  }
}

function hoursOf(option: string, text: string): number {
  return asking(option, parseHours, text);
}

function timeOf(option: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : hoursOf(option, text);
}

function shareOf(option: string, text: string): number {
  return asking(option, parseShare, text);
}

function countOf(option: string, text: string, least = 0): number {
  const count = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(count) && least <= count) return count;
  throw new UsageError(`${option} takes a whole number from ${least}, not "${text}"`);
}

/** What a reader of text refuses was asked wrongly. */
function asking<T>(subject: string, read: (text: string) => T, text: string): T {
  return readable(() => read(text), `${subject}: `);
}

function readable<T>(work: () => T, prefix = ""): T {
  try {
    return work();
  } catch (error) {
    if (isFault(error, "ERR_ARGUMENT")) throw new UsageError(`${prefix}${error.message}`);
    throw error;
  }
}
