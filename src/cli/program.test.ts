import type { Command } from "commander";
import { expect, test } from "vitest";
import { HeardIo } from "./heard-io.suite.ts";
import { createProgram } from "./program.ts";

const program = createProgram(new HeardIo());

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

function withAllBelow(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(withAllBelow)];
}

function helpOf(command: Command): string {
  let help = "";
  command.configureOutput({ writeOut: (text) => (help += text) });
  command.outputHelp();
  return help;
}

const examples = withAllBelow(program).flatMap((command) => {
  const lines = helpOf(command)
    .replaceAll(/ \\\n\s*/gu, " ")
    .split("\n");
  return lines.flatMap((line) => /^ {2}(?:.* )?holdfast (.*)$/u.exec(line)?.[1] ?? []);
});

test.each(examples)("the example of the help is understood: %s", async (example) => {
  const fresh = createProgram(new HeardIo());
  let ran = false;
  for (const command of withAllBelow(fresh)) command.action(() => void (ran = true));
  const words = example.match(/'[^']*'|\S+/gu) ?? [];
  await fresh.parseAsync(
    words.map((word) => word.replaceAll("'", "")),
    { from: "user" },
  );
  expect(ran).toBe(true);
});

test.each([
  ["help nope", 'there is no command "nope"'],
  ["help serv", 'there is no command "serv" (did you mean "serve"?)'],
  ["raid help grwo", 'there is no command "grwo" (did you mean "grow"?)'],
])("%s is told what is wrong with it", async (line, message) => {
  const fresh = createProgram(new HeardIo());
  for (const command of withAllBelow(fresh)) command.configureOutput({ writeErr: () => {} });
  const run = fresh.parseAsync(line.split(" "), { from: "user" });
  await expect(run).rejects.toThrow(message);
});

test("a mistake is told in one line, with where to look, and not at all as text with --json", () => {
  for (const json of [false, true]) {
    const fresh = createProgram(Object.assign(new HeardIo(), { json }));
    let told = "";
    fresh.configureOutput({ writeErr: (text) => (told += text) });
    expect(() => fresh.parse(["nope"], { from: "user" })).toThrow("unknown command");
    const line = "holdfast: unknown command 'nope'\n(see \"holdfast --help\")\n";
    expect(told).toBe(json ? "" : line);
  }
});
