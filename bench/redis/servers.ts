/** The two servers under measurement, each as a process of its own on a directory of its own. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { OURS } from "../report.ts";

const START_ATTEMPTS_MAX = 200;
const ATTEMPT_INTERVAL_MS = 50;

export interface Server {
  readonly name: string;
  readonly port: number;
  /** The memory that the process occupies now, in bytes. */
  residentBytes(): number;
  stop(): Promise<void>;
}

export async function startRedis(directory: string): Promise<Server> {
  const port = await freePort();
  const settings = {
    "--port": String(port),
    "--bind": "127.0.0.1",
    "--dir": directory,
    "--save": "",
    "--appendonly": "yes",
    "--appendfsync": "always",
    // Rewriting its file in the middle would cost it; it may grow instead.
    "--auto-aof-rewrite-percentage": "0",
    "--loglevel": "warning",
  };
  const child = spawn("redis-server", Object.entries(settings).flat(), { stdio: "ignore" });
  for (let attempt = 0; attempt < START_ATTEMPTS_MAX; attempt++) {
    if (await answers(port)) return serverOf("redis-server", port, child);
    await sleep(ATTEMPT_INTERVAL_MS);
  }
  throw new Error("redis-server did not start");
}

export async function startHoldfast(directory: string, flags: readonly string[]): Promise<Server> {
  const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
  const ports = ["--port", "0", "--http-port", "0"];
  const child = spawn(
    process.execPath,
    [program, "serve", "--json", "--quiet", "--data", directory, ...ports, ...flags],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const lines = createInterface({ input: child.stdout });
  const [line] = (await Promise.race([once(lines, "line"), failedToStart(child)])) as [string];
  const { port } = JSON.parse(line) as { readonly port: number };
  return serverOf(OURS, port, child);
}

async function failedToStart(child: ChildProcess): Promise<never> {
  const [code] = (await once(child, "exit")) as [number | null];
  throw new Error(`holdfast serve ended with ${code} before it was ready`);
}

function serverOf(name: string, port: number, child: ChildProcess): Server {
  return {
    name,
    port,
    residentBytes: () => residentBytes(child.pid),
    stop: async () => {
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
    },
  };
}

function residentBytes(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/u.exec(status)?.[1]) * 1024;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function answers(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
