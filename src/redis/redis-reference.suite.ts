/** A redis-server to compare with, on a port and in a directory of its own. */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeReply, ReplyReader } from "../resp/reply-reader.ts";
import { encodeRequest, words } from "./test-door.suite.ts";

/** A request that is not answered by then has no answer. */
const SILENCE_MS = 80;
const START_POLL_MS = 20;

/** Whether there is one to compare with. */
export function hasRedis(): boolean {
  return spawnSync("redis-server", ["--version"]).status === 0;
}

export interface RedisReference {
  connect(): Promise<RedisClient>;
  stop(): Promise<void>;
}

export async function startRedis(): Promise<RedisReference> {
  const directory = mkdtempSync(join(tmpdir(), "redis-reference-"));
  const port = await freePort();
  const options = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory];
  const server = spawn("redis-server", options, { stdio: "ignore" });
  return {
    connect: async () => new RedisClient(await dial(port)),
    async stop() {
      const exited = once(server, "exit");
      server.kill("SIGKILL");
      await exited;
      rmSync(directory, { recursive: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return address.port;
}

/** Connects, waiting for a server that is only starting. */
async function dial(port: number): Promise<Socket> {
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return socket;
    } catch {
      await sleep(START_POLL_MS);
    }
  }
}

async function sleep(durationMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    // oxlint-disable-next-line no-restricted-globals -- another process takes its own time
    setTimeout(resolve, durationMs);
  });
}

export class RedisClient {
  readonly #socket: Socket;
  readonly #reader = new ReplyReader();
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Uint8Array) => {
      this.#reader.push(bytes);
      this.#wake();
    });
    socket.on("close", () => this.#wake());
    socket.on("error", () => undefined);
  }

  /** The replies to the requests; fewer if it answers no more. */
  async ask(...requests: readonly string[]): Promise<string[]> {
    const input = requests.map((request) => encodeRequest(words(request))).join("");
    this.#socket.write(input, "latin1");
    const replies: string[] = [];
    while (replies.length < requests.length) {
      const reply = this.#reader.next() ?? (await this.#wait());
      if (reply === undefined) break;
      replies.push(describeReply(reply));
    }
    return replies;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #wait(): Promise<ReturnType<ReplyReader["next"]>> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await Promise.race([woken, sleep(SILENCE_MS)]);
    return this.#reader.next();
  }
}
