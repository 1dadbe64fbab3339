import { expect, test } from "vitest";
import { ProcessIo } from "./process-io.ts";
import { createProgram } from "./program.ts";

const program = createProgram(new ProcessIo(() => ({ json: false, quiet: true })));

test("the commands are there", () => {
  const names = program.commands.map((command) => command.name());
  expect(names).toEqual(
    expect.arrayContaining(["serve", "inspect", "verify", "schedule", "bench", "status", "config"]),
  );
});

test.each(program.commands.map((command) => [command.name(), command] as const))(
  "the help of %s has an example, and says what all commands have in common",
  (name, command) => {
    let help = "";
    command.configureOutput({ writeOut: (text) => (help += text) });
    command.outputHelp();
    expect(help).toContain(`Usage: holdfast ${name}`);
    expect(help).toMatch(new RegExp(`Example:\\n {2}.*holdfast ${name}`, "u"));
    expect(help).toContain("--json");
    expect(help).toContain("--quiet");
  },
);
