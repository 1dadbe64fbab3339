#!/usr/bin/env node
/** The program `holdfast`: runs the command that was typed and ends with its exit code. */

import { CommanderError } from "commander";
import { EXIT, type ExitCode, UsageError } from "./command-io.ts";
import { ProcessIo } from "./process-io.ts";
import { createProgram, withoutPrefix } from "./program.ts";

const COMMANDER_EXIT_OK = 0;

async function main(): Promise<ExitCode> {
  const io = new ProcessIo(() => ({
    // Looked for by itself too: of a command line that is wrong, options may never be parsed.
    json: program.opts()["json"] === true || process.argv.includes("--json"),
    quiet: program.opts()["quiet"] === true,
  }));
  const program = createProgram(io);
  try {
    await program.parseAsync();
    return io.exitCode;
  } catch (error) {
    // Commander has printed what was wrong, or the help that was asked for.
    if (error instanceof CommanderError) {
      if (error.exitCode === COMMANDER_EXIT_OK) return EXIT.ok;
      return io.json ? io.fail(new UsageError(withoutPrefix(error.message))) : EXIT.usage;
    }
    return io.fail(error);
  }
}

process.exitCode = await main();
