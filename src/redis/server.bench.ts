/**
 * The door alone: serves a store that is but a Map, so that what is measured is the protocol, the
 * session and the commands. Run it, then redis-benchmark against the port that it prints.
 */

import { lsn } from "../base/ids.ts";
import { hostWorld } from "../host/world.ts";
import type { Step, TransactionStore } from "../transactions/step.ts";
import { RedisServer } from "./server.ts";
import { defaultRedisServerOptions } from "./settings.ts";

class QuickStep {
  nowMs = 1;
  valueBytes: Uint8Array = new Uint8Array(0);
  valueAt = 0;
  valueLength = 0;
  version = lsn(0);
  buffer = new Uint8Array(1 << 29);
  #used = 0;
  readonly #rows = new Map<string, { bytes: Uint8Array; at: number; length: number }>();

  find(source: Uint8Array, at: number, length: number): boolean {
    const row = this.#rows.get(keyOf(source, at, length));
    if (row === undefined) return false;
    this.valueBytes = row.bytes;
    this.valueAt = row.at;
    this.valueLength = row.length;
    return true;
  }

  findForUpdate(source: Uint8Array, at: number, length: number): boolean {
    return this.find(source, at, length);
  }

  put(source: Uint8Array, at: number, length: number, valueLength: number): number {
    if (this.buffer.length < this.#used + valueLength) this.#used = 0;
    const start = this.#used;
    this.#used += valueLength;
    const key = keyOf(source, at, length);
    const row = this.#rows.get(key);
    if (row === undefined)
      this.#rows.set(key, { bytes: this.buffer, at: start, length: valueLength });
    else row.at = start;
    return start;
  }

  remove(source: Uint8Array, at: number, length: number): void {
    this.#rows.delete(keyOf(source, at, length));
  }

  get(): undefined {
    return undefined;
  }

  set(): void {
    return undefined;
  }

  scan(): void {
    return undefined;
  }

  count(): number {
    return 0;
  }
}

function keyOf(source: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...source.subarray(at, at + length));
}

const step = new QuickStep();
const store = {
  tryRun: <T>(body: (step: Step) => T): T => body(step as unknown as Step),
  answerLsn: lsn(0),
  settledLsn: lsn(0),
  failure: undefined,
  onSettled: () => () => undefined,
  onFailure: () => () => undefined,
} as unknown as TransactionStore;

const server = new RedisServer(hostWorld(), store, defaultRedisServerOptions);
const address = await server.listen({
  kind: "tcp",
  host: "127.0.0.1",
  port: Number(process.argv[2] ?? 0),
});
process.stdout.write(`${JSON.stringify(address)}\n`);
