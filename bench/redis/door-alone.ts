/**
 * What the Redis door costs by itself, without sockets and with a store that does next to nothing:
 * parsing, finding the command, running its body, writing the reply. Nanoseconds of processor time
 * a command, pipelined and not: `npx tsx bench/redis/door-alone.ts`.
 */

import { lsn } from "../../src/base/ids.ts";
import { hostWorld } from "../../src/host/world.ts";
import { RedisServer } from "../../src/redis/server.ts";
import { defaultRedisServerOptions } from "../../src/redis/settings.ts";
import type { Step, TransactionStore } from "../../src/transactions/step.ts";
import type { Connection, ConnectionHandler } from "../../src/world/network.ts";

const COMMAND_COUNT = 2_000_000;
const CONNECTION_COUNT = 50;
const VALUE_BYTES = 100;
const ROW_AT = 4096;
const ROUNDS = 3;

/** Finds the same string at every key. */
class FixedStep {
  readonly nowMs = 1;
  readonly valueBytes: Uint8Array = new Uint8Array(1 << 20);
  readonly valueAt: number = ROW_AT;
  readonly valueLength: number = VALUE_BYTES + 2;
  readonly version = lsn(0);
  readonly buffer: Uint8Array = new Uint8Array(1 << 20);

  constructor() {
    this.valueBytes[ROW_AT] = 1;
  }

  find(): boolean {
    return true;
  }

  findForUpdate(): boolean {
    return true;
  }

  put(): number {
    return ROW_AT;
  }

  get(): undefined {
    return undefined;
  }

  count(): number {
    return 0;
  }

  scan(): void {
    return undefined;
  }
}

function fixedStore(): TransactionStore {
  const step: unknown = new FixedStep();
  const store: unknown = {
    tryRun: <T>(body: (step: Step) => T): T => body(step as Step),
    answerLsn: lsn(0),
    settledLsn: lsn(0),
    failure: undefined,
    onSettled: () => () => undefined,
    onFailure: () => () => undefined,
  };
  return store as TransactionStore;
}

function connect(server: RedisServer): ConnectionHandler {
  let given: ConnectionHandler | undefined;
  const connection: Connection = {
    peer: "127.0.0.1:1",
    unsentBytes: 0,
    handle: (handler) => {
      given = handler;
    },
    write: () => true,
    pause: () => undefined,
    resume: () => undefined,
    end: () => undefined,
    destroy: () => undefined,
  };
  server.accept(connection);
  if (given === undefined) throw new Error("the server takes the connection");
  return given;
}

function encode(words: readonly string[]): string {
  const bulks = words.map((word) => `$${word.length}\r\n${word}\r\n`);
  return `*${words.length}\r\n${bulks.join("")}`;
}

const requests: Readonly<Record<string, readonly string[]>> = {
  PING: ["PING"],
  GET: ["GET", "key:000000012345"],
  SET: ["SET", "key:000000012345", "x".repeat(VALUE_BYTES)],
  INCR: ["INCR", "key:000000012345"],
};

function measure(handlers: readonly ConnectionHandler[], words: readonly string[], pipe: number) {
  const text = encode(words).repeat(pipe);
  const chunk = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const chunkCount = COMMAND_COUNT / pipe;
  const before = process.cpuUsage();
  for (let count = 0; count < chunkCount; count++) handlers[count % handlers.length]?.data(chunk);
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / COMMAND_COUNT;
}

const server = new RedisServer(hostWorld(), fixedStore(), defaultRedisServerOptions);
const handlers = Array.from({ length: CONNECTION_COUNT }, () => connect(server));
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, words] of Object.entries(requests)) {
    const [many, one] = [measure(handlers, words, 16), measure(handlers, words, 1)];
    process.stdout.write(
      `${name}: ${many.toFixed(0)} ns with 16 pipelined, ${one.toFixed(0)} alone\n`,
    );
  }
}
process.exit(0);
