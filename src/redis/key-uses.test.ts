import { expect, test } from "vitest";
import { CommandTable } from "./command-table.ts";
import { allCommands } from "./commands/all-commands.ts";
import { keyUsesOf } from "./key-uses.ts";

test("of every command that has keys it is known what it does with them", () => {
  for (const { name, facts } of new CommandTable(allCommands).everything()) {
    expect(keyUsesOf(name) !== undefined, name).toBe(facts.keys !== undefined);
  }
});
