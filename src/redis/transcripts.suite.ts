/**
 * Transcripts: requests with the reply under each. A line is a request of the client `a`, or of
 * another, named before a colon (client `3` speaks RESP3); `(100 ms pass)` lets time pass. The
 * lines of replies are indented; lines that begin with # are comments.
 */

/** Who can be asked, and let time pass. */
export interface Transcribed {
  /** The replies to one request of a client, each on one line; so many are written down. */
  ask(client: string, request: string, replyCount: number): Promise<readonly string[]>;
  pass(durationMs: number): Promise<void>;
}

/** Asks what the transcript asks, and writes down what is answered. */
export async function transcribe(text: string, asked: Transcribed): Promise<string> {
  const given = text.split("\n");
  const lines: string[] = [];
  for (const [index, line] of given.entries()) {
    if (line.startsWith("  ") || line === "") continue;
    lines.push(line);
    if (line.startsWith("#")) continue;
    const time = /^\((\d+) ms pass\)$/.exec(line);
    if (time !== null) {
      await asked.pass(Number(time[1]));
      continue;
    }
    const rest = given.slice(index + 1);
    const nextIndex = rest.findIndex((reply) => !reply.startsWith("  "));
    const replyCount = nextIndex < 0 ? rest.length : nextIndex;
    const [, client = "a", request = ""] = /^(?:(\w): )?(.*)$/.exec(line) ?? [];
    for (const reply of await asked.ask(client, request, replyCount)) lines.push(`  ${reply}`);
  }
  return `${lines.join("\n")}\n`;
}
