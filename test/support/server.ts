/**
 * A real server: `./holdfast serve` as a process of its own, on free ports, which a test can kill,
 * stop and start again on the same data. Whatever a test leaves running is killed when it ends.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";
import { root } from "./directories.ts";

export interface ServerOptions {
  /** The directory; left out where the flags say where the data is. */
  readonly data?: string;
  /** Small by default, so that a test makes no file of half a gigabyte. */
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Ready {
  readonly pid: number;
  readonly port: number;
  readonly httpPort: number;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const SMALL = ["--cache", "16M", "--log", "8M"];
const FREE_PORTS = ["--port", "0", "--http-port", "0"];

export class Server {
  readonly #child: ChildProcess;
  readonly #ended: Promise<Ended>;
  readonly ready: Ready;
  #stderr = "";

  private constructor(child: ChildProcess, ended: Promise<Ended>, ready: Ready) {
    this.#child = child;
    this.#ended = ended;
    this.ready = ready;
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
  }

  /** Rejects, with what it said, if the server ends before it is ready. */
  static async start(options: ServerOptions): Promise<Server> {
    const child = spawnServe(options);
    const ended = collect(child);
    const line = await Promise.race([firstLine(child), ended.then(endedEarly)]);
    const printed = JSON.parse(line) as Ready | Readonly<Record<"error", unknown>>;
    if ("error" in printed) return endedEarly(await ended);
    return new Server(child, ended, printed);
  }

  /** For a server that is expected not to start: how it ended. */
  static async startAndFail(options: ServerOptions): Promise<Ended> {
    const child = spawnServe(options);
    child.stdout?.on("data", (chunk: Buffer) => {
      // Otherwise a server that should not have started would run until the test's time is over.
      if (chunk.includes('"ready"')) child.kill();
    });
    return await collect(child);
  }

  get port(): number {
    return this.ready.port;
  }

  get pid(): number {
    return this.ready.pid;
  }

  get http(): string {
    return `http://127.0.0.1:${this.ready.httpPort}`;
  }

  /** What it has logged so far. */
  get log(): string {
    return this.#stderr;
  }

  get ended(): Promise<Ended> {
    return this.#ended;
  }

  /** Sends a signal to it; it need not take it. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#ended;
  }

  async stop(): Promise<Ended> {
    this.signal("SIGTERM");
    return await this.#ended;
  }
}

/** Runs `./holdfast` to its end. */
export async function runHoldfast(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return await collect(spawnHoldfast(args, environment));
}

function spawnServe({ data, flags = [], environment = {} }: ServerOptions): ChildProcess {
  const where = data === undefined ? [] : ["--data", data];
  const args = ["serve", "--json", ...where, ...FREE_PORTS, ...SMALL, ...flags];
  return spawnHoldfast(args, environment);
}

export function spawnHoldfast(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): ChildProcess {
  const child = spawn("./holdfast", args, {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}

export async function collect(child: ChildProcess): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}

export async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("standard output is a pipe");
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return line;
}

export function endedEarly({ code, stdout, stderr }: Ended): never {
  throw new Error(`the server ended with ${code} before it was ready:\n${stdout}${stderr}`);
}
