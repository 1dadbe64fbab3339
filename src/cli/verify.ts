/** `holdfast verify`: reads every page and record of a store and says what is wrong where. */

import type { Command } from "commander";
import { hostWorld } from "../host/world.ts";
import { type VerifyReport, verifyStore } from "../store/verify.ts";
import { type CommandIo, EXIT } from "./command-io.ts";
import { WHERE_HELP, withDataVolume } from "./data-volume.ts";
import { formatStore } from "./inspect.ts";
import { thousands } from "./progress.ts";

export function addVerifyCommand(program: Command, io: CommandIo): void {
  program
    .command("verify")
    .summary("read all of a store and say what is wrong where")
    .description(
      "Reads every copy of the superblock, every batch of the log, every page and value of the " +
        "newest checkpoint, and checks them against each other. Nobody may have the store open; " +
        "nothing is changed, but that an array puts its journal in place and repairs what it " +
        "reads. Ends with 1 if anything is wrong.",
    )
    .argument("<where...>", WHERE_HELP)
    .addHelpText(
      "after",
      "\nExample:\n  holdfast verify ./holdfast-data --json\n  holdfast verify a.img b.img c.img\n",
    )
    .action(async (where: readonly string[]) => {
      const world = hostWorld();
      const reading = io.progress({ title: "verifying", total: undefined, unit: "pages" });
      const report = await withDataVolume(world, where, "verify", (volume) =>
        verifyStore(world, volume, (doneCount) => reading.update(doneCount)),
      );
      reading.finish();
      io.result(report, () => formatReport(report));
      io.setExitCode(report.findings.length === 0 ? EXIT.ok : EXIT.failed);
    });
}

function formatReport(report: VerifyReport): string {
  const pages = report.leafCount + report.innerCount;
  const found = report.findings.map(({ where, problem }) => `WRONG       ${where}: ${problem}`);
  return [
    formatStore(report.description),
    `read        ${thousands(report.logEntryCount)} log entries, ${thousands(pages)} pages with ` +
      `${thousands(report.rowCount)} rows, ${thousands(report.extentCount)} long values`,
    ...(found.length === 0 ? ["verdict     nothing is wrong"] : found),
  ].join("\n");
}
