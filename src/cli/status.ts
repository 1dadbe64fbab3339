/** `holdfast status`: asks a running server how it is. */

import type { Command } from "commander";
import { Fault, messageOf } from "../base/fault.ts";
import { type CommandIo, EXIT, UsageError } from "./command-io.ts";
import type { NodeStatus } from "./node-health.ts";
import { readPassword } from "./password.ts";
import { thousands } from "./progress.ts";
import { describeStatus } from "./raid-words.ts";

const TIMEOUT_MS = 5_000;

interface StatusOptions {
  readonly url: string;
  readonly requirepassFile?: string;
}

export function addStatusCommand(program: Command, io: CommandIo): void {
  program
    .command("status")
    .summary("ask a running server how it is")
    .description(
      "Asks a server over its HTTP port. Ends with 0 if it is ready, 3 if it runs but does not " +
        "serve or its array is degraded, 1 if nobody answers.",
    )
    .option("--url <url>", "where the server answers HTTP", "http://127.0.0.1:7381")
    .option("--requirepass-file <file>", "file with the server's password")
    .addHelpText("after", "\nExample:\n  holdfast status --url http://127.0.0.1:7381\n")
    .action(async (options: StatusOptions) => {
      const status = await fetchStatus(options);
      io.result(status, () => formatStatus(status, io));
      const isWell = status.state === "ready" && (status.array?.health ?? "whole") === "whole";
      io.setExitCode(isWell ? EXIT.ok : EXIT.degraded);
    });
}

async function fetchStatus({ url, requirepassFile }: StatusOptions): Promise<NodeStatus> {
  const password = await readPassword(requirepassFile, process.env);
  const headers: Record<string, string> =
    password === undefined ? {} : { Authorization: `Basic ${btoa(`holdfast:${password}`)}` };
  const response = await request(statusUrl(url), headers);
  if (response.status === 401) {
    const message = "the server asks for its password: give --requirepass-file FILE";
    throw new Fault("ERR_UNAVAILABLE", message, { url });
  }
  if (!response.ok) {
    const message = `${url} answered ${response.status}: ${await response.text()}`;
    throw new Fault("ERR_UNAVAILABLE", message, { url });
  }
  return (await response.json()) as NodeStatus;
}

function statusUrl(url: string): URL {
  if (/^https?:/iu.test(url) && URL.canParse(url)) return new URL("/status", url);
  throw new UsageError(`--url takes an address such as http://127.0.0.1:7381, not "${url}"`);
}

async function request(url: URL, headers: Record<string, string>): Promise<Response> {
  try {
    return await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const message =
      `no server answers at ${url.origin}: ${messageOf(cause)}. ` +
      "Start one with `holdfast serve`, or say where it is with --url";
    throw new Fault("ERR_UNAVAILABLE", message, { url: url.href }, error);
  }
}

function formatStatus(status: NodeStatus, io: CommandIo): string {
  const style = status.state === "ready" ? "green" : "yellow";
  const reason = status.reason === undefined ? "" : `: ${status.reason}`;
  const lines = [
    `${io.style(style, status.state)}${reason}`,
    `version   ${status.version}, pid ${status.pid}, since ${status.startedAt}`,
    `clients   redis-cli -h ${status.host} -p ${status.port ?? "?"}`,
    `data      ${status.dataDirectory}`,
    ...(status.array === undefined ? [] : [describeStatus(status.array, io)]),
    ...Object.entries(status.figures).map(([name, value]) => `${name}  ${thousands(value)}`),
  ];
  return lines.join("\n");
}
