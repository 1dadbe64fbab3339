/** Runs redis-benchmark and reads the rate that it found. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { KEY_COUNT, VALUE_BYTES } from "./requests.ts";

const RATE_COLUMN = 1;

export interface BenchmarkRun {
  readonly command: "set" | "get";
  readonly clientCount: number;
  /** How many requests a client sends before it waits for replies. */
  readonly pipelined: number;
  readonly requestCount: number;
}

/** Requests per second. */
export async function runRedisBenchmark(port: number, run: BenchmarkRun): Promise<number> {
  const flags = {
    "-h": "127.0.0.1",
    "-p": port,
    "-t": run.command,
    "-n": run.requestCount,
    "-c": run.clientCount,
    "-P": run.pipelined,
    "-d": VALUE_BYTES,
    "-r": KEY_COUNT,
  };
  const args = [...Object.entries(flags).flat().map(String), "--csv"];
  const { stdout } = await promisify(execFile)("redis-benchmark", args);
  const [, line = ""] = stdout.trim().split("\n");
  const rate = Number(line.split(",")[RATE_COLUMN]?.replaceAll('"', ""));
  if (Number.isNaN(rate)) throw new Error(`redis-benchmark said: ${stdout}`);
  return rate;
}
