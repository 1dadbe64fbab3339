import { expect, test } from "vitest";
import { CommandTable } from "./command-table.ts";
import { allCommands } from "./commands/all-commands.ts";
import { commandsPage } from "./commands-page.ts";
import { missingCommands } from "./missing-commands.ts";

test("the page in the documentation is what the tables say", async () => {
  const { pathname } = new URL("../../docs/commands.md", import.meta.url);
  await expect(commandsPage(allCommands, missingCommands)).toMatchFileSnapshot(pathname);
});

test("what is said to be missing is missing", () => {
  const table = new CommandTable(allCommands);
  for (const name of missingCommands.flatMap(({ names }) => names.split(" "))) {
    expect(table.named(name), name).toBeUndefined();
  }
});
