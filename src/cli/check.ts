/** `holdfast check`: judges recorded histories, of this store or of any other. */

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { type Command, Option } from "commander";
import { isFault } from "../base/fault.ts";
import { describeCheck, drawReport } from "../history/draw-anomaly.ts";
import { toDot, toSvg } from "../history/drawing.ts";
import { HistoryReader } from "../history/history-reader.ts";
import { isIsolationLevel, isolationLevels } from "../history/isolation.ts";
import { type Json, parseJson } from "../history/json.ts";
import {
  type CheckOptions,
  type CheckReport,
  defaultCheckOptions,
  startCheck,
  workloadNames,
} from "../history/workloads.ts";
import { type CommandIo, EXIT, type ExitCode, UsageError } from "./command-io.ts";

interface CheckFlags {
  readonly workload: string;
  readonly isolation: string;
  readonly initial?: string;
  readonly total?: string;
  readonly negative?: true;
  readonly keyed?: true;
  readonly steps?: string;
  readonly initialLsn?: string;
  readonly sampled?: true;
  readonly dot?: true;
  readonly svg?: true;
}

export function addCheckCommand(program: Command, io: CommandIo): void {
  program
    .command("check")
    .description("judge recorded histories: were they linearizable, serializable, ...?")
    .argument("<files...>", "EDN, JSON, etcd logs or records; gzipped or not; - is standard input")
    .addOption(
      new Option("--workload <name>", "what the history is of")
        .choices(workloadNames)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("--isolation <level>", "what was promised")
        .choices(isolationLevels)
        .default(defaultCheckOptions.isolation),
    )
    .option("--initial <json>", "what a register holds at first, or a counter shows")
    .option("--total <number>", "bank: what all accounts hold together")
    .option("--negative", "bank: accounts may go below zero")
    .option("--keyed", "values are pairs [key, value] of objects that are checked one by one")
    .option("--steps <count>", "give up a search after so many steps")
    .option("--initial-lsn <lsn>", "recorded: versions up to this one were there before")
    .option("--sampled", "recorded: not every transaction that wrote was recorded")
    .addOption(new Option("--dot", "print what was found for Graphviz").conflicts("svg"))
    .option("--svg", "print what was found as a picture")
    .addHelpText(
      "after",
      "\nExample:\n  holdfast check --workload list-append run-1.edn run-2.edn\n\n" +
        "Exit code: 0 if all are valid, 1 if one is invalid, 2 if one cannot be read, 4 unknown.",
    )
    .action(async (files: readonly string[], flags: CheckFlags) => {
      const options = optionsOf(flags);
      const verdicts: CheckReport["verdict"][] = [];
      for (const file of files) {
        const report = await checkFile(file, flags.workload, options, io);
        verdicts.push(report.verdict);
        print(file, report, flags, io);
      }
      io.setExitCode(exitCodeOf(verdicts));
    });
}

function print(file: string, report: CheckReport, flags: CheckFlags, io: CommandIo): void {
  const drawing = drawReport(file, report);
  if (flags.dot === true) io.result({ file, dot: toDot(drawing) }, () => toDot(drawing));
  else if (flags.svg === true) io.result({ file, svg: toSvg(drawing) }, () => toSvg(drawing));
  else io.result({ file, ...report }, () => describeCheck(file, report));
}

function exitCodeOf(verdicts: readonly CheckReport["verdict"][]): ExitCode {
  if (verdicts.includes("invalid")) return EXIT.failed;
  return verdicts.includes("unknown") ? EXIT.unknown : EXIT.ok;
}

async function checkFile(
  file: string,
  workload: string,
  options: CheckOptions,
  io: CommandIo,
): Promise<CheckReport> {
  const check = startCheck(workload, options);
  const reader = new HistoryReader(check);
  const decoder = new TextDecoder();
  try {
    await readChunks(file, io, (chunk) => {
      reader.push(decoder.decode(chunk, { stream: true }));
    });
    reader.push(decoder.decode());
    reader.finish();
    return check.finish();
  } catch (error) {
    if (isFault(error)) throw new UsageError(`${file}: ${error.message}`);
    if (error instanceof Error && "code" in error && typeof error.code === "string") {
      throw new UsageError(`cannot read ${file}: ${error.message}`);
    }
    throw error;
  }
}

async function readChunks(
  file: string,
  io: CommandIo,
  take: (chunk: Uint8Array) => void,
): Promise<void> {
  if (file === "-") {
    take(await io.readInput(file));
    return;
  }
  const { size } = await stat(file);
  const progress = io.progress({ title: `reading ${file}`, total: size, unit: "bytes" });
  let readBytes = 0;
  const source = createReadStream(file, { highWaterMark: 1 << 18 });
  source.on("data", (chunk) => {
    readBytes += chunk.length;
    progress.update(readBytes);
  });
  const takeAll = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of chunks) take(chunk);
  };
  try {
    if (file.endsWith(".gz")) await pipeline(source, createGunzip(), takeAll);
    else await pipeline(source, takeAll);
  } finally {
    progress.finish();
  }
}

function optionsOf(flags: CheckFlags): CheckOptions {
  if (!isIsolationLevel(flags.isolation)) throw new UsageError(`no level "${flags.isolation}"`);
  return {
    isolation: flags.isolation,
    initial: flags.initial === undefined ? null : jsonOf(flags.initial),
    total: flags.total === undefined ? undefined : numberOf("--total", flags.total),
    allowsNegative: flags.negative === true,
    keyed: flags.keyed === true,
    stepsMax: numberOf("--steps", flags.steps ?? String(defaultCheckOptions.stepsMax)),
    initialLsn: numberOf("--initial-lsn", flags.initialLsn ?? "0"),
    everyWriter: flags.sampled !== true,
  };
}

function jsonOf(text: string): Json {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new UsageError(`${name} takes a number, not "${text}"`);
}
