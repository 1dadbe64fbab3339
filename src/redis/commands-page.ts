/** The page of the documentation that lists every command, made from the tables of commands. */

import type { CommandSpec } from "./command.ts";
import type { MissingCommands } from "./missing-commands.ts";

const INTRODUCTION = `# Redis commands

What the Redis door answers to, beside Redis 7.2. This page is made from the table of commands
(\`src/redis/commands-page.ts\`); a test keeps it so.

Every command is a transaction of its own, durable when it is answered. Error texts are those of
Redis. Keys have at most 8,178 bytes; values at most \`value-bytes-max\`, less ten.
`;

const HEADER = "| command | as in Redis | what it does |\n| --- | --- | --- |\n";

const MISSING = `
## Not there

These are answered with \`ERR unknown command\`, as Redis answers what it does not know.

| about | commands |
| --- | --- |
`;

export function commandsPage(
  specs: readonly CommandSpec[],
  missing: readonly MissingCommands[],
): string {
  const commands = specs.flatMap(withSubcommands);
  const groups = [...new Set(commands.map(({ group }) => group))];
  const sections = groups.map((group) => {
    const rows = commands.filter((command) => command.group === group).map(row);
    return `\n## ${group}\n\n${HEADER}${rows.join("")}`;
  });
  return `${INTRODUCTION}${sections.join("")}${MISSING}${missing.map(missingRow).join("")}`;
}

function withSubcommands(spec: CommandSpec): readonly CommandSpec[] {
  return spec.kind === "container" ? [spec, ...spec.subcommands] : [spec];
}

function row({ name, differs, summary }: CommandSpec): string {
  return `| \`${title(name)}\` | ${differs ?? "yes"} | ${summary} |\n`;
}

function missingRow({ about, names }: MissingCommands): string {
  return `| ${about} | ${names
    .split(" ")
    .map((name) => `\`${title(name)}\``)
    .join(" ")} |\n`;
}

function title(name: string): string {
  return name.toUpperCase().replace("|", " ");
}
