/** `holdfast schedule`: says of a schedule, written as in a textbook, what can be said of it. */

import { type Command, Option } from "commander";
import { parseSchedule } from "../history/parse-schedule.ts";
import { toDot, toSvg } from "../history/drawing.ts";
import {
  defaultScheduleOptions,
  drawSchedule,
  drawWaits,
  reportOnSchedule,
} from "../history/schedule-report.ts";
import { describeSchedule } from "../history/schedule-words.ts";
import { isFault } from "../base/fault.ts";
import { type CommandIo, EXIT, UsageError } from "./command-io.ts";

interface ScheduleFlags {
  readonly dot?: true;
  readonly svg?: true;
  readonly waits?: true;
  readonly orders: string;
}

export function addScheduleCommand(program: Command, io: CommandIo): void {
  program
    .command("schedule")
    .description("judge a schedule such as 'r1(x) w2(x) c1 c2'")
    .argument("<operations...>", "the schedule, as one argument or many")
    .addOption(new Option("--dot", "print the conflict graph for Graphviz").conflicts("svg"))
    .option("--svg", "print the conflict graph as a picture")
    .option("--waits", "with --dot or --svg: the waits-for graph instead")
    .option("--orders <count>", "list at most so many serial orders", "100")
    .addHelpText(
      "after",
      "\nExample:\n  holdfast schedule 'r1(x) w2(x) c1 c2'\n\n" +
        "Exit code: 0 if it is conflict-serializable, 1 if not, 2 if it cannot be read.",
    )
    .action((words: readonly string[], flags: ScheduleFlags) => {
      judge(words.join(" "), flags, io);
    });
}

function judge(text: string, flags: ScheduleFlags, io: CommandIo): void {
  const schedule = parsed(text);
  const report = reportOnSchedule(schedule, { serialOrdersMax: countOf(flags.orders) });
  const drawing = flags.waits === true ? drawWaits(schedule) : drawSchedule(schedule);
  if (flags.dot === true) io.result({ dot: toDot(drawing) }, () => toDot(drawing));
  else if (flags.svg === true) io.result({ svg: toSvg(drawing) }, () => toSvg(drawing));
  else io.result(report, () => describeSchedule(report));
  io.setExitCode(report.conflictSerializable ? EXIT.ok : EXIT.failed);
}

function parsed(text: string): ReturnType<typeof parseSchedule> {
  try {
    return parseSchedule(text);
  } catch (fault) {
    if (isFault(fault, "ERR_ARGUMENT")) throw new UsageError(fault.message);
    throw fault;
  }
}

function countOf(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && 0 < count) return count;
  throw new UsageError(
    `--orders takes a number such as ${defaultScheduleOptions.serialOrdersMax}, not "${text}"`,
  );
}
