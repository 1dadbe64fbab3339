/** The command line: every command, and what all of them have in common. */

import { Command } from "commander";
import { didYouMean } from "../base/suggest.ts";
import { type CommandIo, UsageError } from "./command-io.ts";
import { addBenchCommand } from "./bench.ts";
import { addCheckCommand } from "./check.ts";
import { addConfigCommand } from "./config.ts";
import { addInspectCommand } from "./inspect.ts";
import { addNbdCommand } from "./nbd.ts";
import { addRaidCommand } from "./raid.ts";
import { addReliabilityCommand } from "./reliability.ts";
import { addScheduleCommand } from "./schedule.ts";
import { addServeCommand } from "./serve.ts";
import { addSimCommand } from "./sim.ts";
import { addStatusCommand } from "./status.ts";
import { addVerifyCommand } from "./verify.ts";
import { version } from "./version.ts";

export function createProgram(io: CommandIo): Command {
  const program = new Command("holdfast")
    .description("A transactional key-value store that survives the failure of its parts.")
    .version(version)
    .option("--json", "print the result as JSON")
    .option("--quiet", "print the result and errors only")
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError(true)
    .addHelpText("beforeAll", ({ error, command }) => {
      if (error) refuseUnknownHelp(command);
      return "";
    })
    .addHelpText(
      "after",
      "\nExample:\n  holdfast serve --data ./data\n\n" +
        "Ends with 0 if all is well, 1 if it failed, 2 if it was asked wrongly, 3 if it works " +
        "with something amiss.\n",
    )
    .configureOutput({
      outputError: (text, write) => {
        if (!io.json) write(`${withoutPrefix(text, "holdfast: ")}(see "holdfast --help")\n`);
      },
    })
    .exitOverride();
  addServeCommand(program, io);
  addRaidCommand(program, io);
  addNbdCommand(program, io);
  addStatusCommand(program, io);
  addInspectCommand(program, io);
  addVerifyCommand(program, io);
  addScheduleCommand(program, io);
  addCheckCommand(program, io);
  addSimCommand(program, io);
  addReliabilityCommand(program, io);
  addBenchCommand(program, io);
  addConfigCommand(program, io);
  return program;
}

/** What the parser says of a mistake, with another beginning. */
export function withoutPrefix(message: string, instead = ""): string {
  return message.replace(/^error: /u, instead);
}

/** Help that is an answer to a mistake: if it was for a command that is none, this says so. */
function refuseUnknownHelp(command: Command): void {
  const [word, asked] = command.args;
  if (word !== "help" || asked === undefined) return;
  const names = command.commands.map((one) => one.name());
  throw new UsageError(`there is no command "${asked}"${didYouMean(asked, names)}`);
}
