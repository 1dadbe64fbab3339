/** What the HELP of a container of commands says: made from its table, so that it cannot lie. */

import type { ReplyWriter } from "../resp/reply-writer.ts";
import type { CommandSpec } from "./command.ts";

export function replyHelp(
  reply: ReplyWriter,
  container: string,
  subcommands: readonly CommandSpec[],
): void {
  const lines = subcommands.flatMap(({ name, summary }) => [
    name.slice(name.indexOf("|") + 1).toUpperCase(),
    `    ${summary}`,
  ]);
  reply.array(lines.length + 1);
  reply.status(`${container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`);
  for (const line of lines) reply.status(line);
}
