/** A Redis client in the simulated world: commands as bytes, over a connection that may be lost. */

import { concatBytes, fromLatin1 } from "../../../base/bytes.ts";
import { type Reply, ReplyReader } from "../../../resp/reply-reader.ts";
import type { Connection } from "../../../world/network.ts";
import type { World } from "../../../world/world.ts";

export type Command = readonly (string | number)[];

/** The connection was lost: what was asked last may have been done and may not. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
}

/** The server answered with an error, and did not do what it was asked. */
export class RefusedCommand extends Error {
  override readonly name = "RefusedCommand";
}

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

export class RedisClient {
  readonly #connection: Connection;
  readonly #reader = new ReplyReader();
  readonly #waiting: Waiting[] = [];
  #isLost = false;

  private constructor(connection: Connection) {
    this.#connection = connection;
    connection.handle({
      data: (bytes) => this.#read(bytes),
      drained: () => undefined,
      closed: () => this.#lose(),
    });
  }

  static async connect(world: World, host: string, port: number): Promise<RedisClient> {
    return new RedisClient(await world.network.connect({ kind: "tcp", host, port }));
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** Sends the commands at once; what the last of them was answered. */
  async ask(...commands: readonly Command[]): Promise<Reply> {
    const replies = commands.map(async () => await this.#nextReply());
    this.#connection.write(concatBytes(commands.map(encodeCommand)));
    const answered = await Promise.all(replies);
    const refused = answered.find(({ kind }) => kind === "error");
    if (refused?.kind === "error") throw new RefusedCommand(refused.text);
    return answered.at(-1) ?? { kind: "nil" };
  }

  async text(...command: Command): Promise<string | undefined> {
    const reply = await this.ask(command);
    return textOf(reply);
  }

  /** Gives up on it, as a client does whose time is over. */
  drop(): void {
    this.#connection.destroy();
    this.#lose();
  }

  #nextReply(): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#isLost) reject(new ConnectionLost("the connection is lost"));
      else this.#waiting.push({ resolve, reject });
    });
  }

  #read(bytes: Uint8Array): void {
    this.#reader.push(bytes);
    for (let reply = this.#reader.next(); reply !== undefined; reply = this.#reader.next()) {
      this.#waiting.shift()?.resolve(reply);
    }
  }

  #lose(): void {
    this.#isLost = true;
    for (const { reject } of this.#waiting.splice(0)) {
      reject(new ConnectionLost("the connection was lost before the answer"));
    }
  }
}

export function textOf(reply: Reply): string | undefined {
  if (reply.kind === "nil") return undefined;
  if (reply.kind === "integer") return String(reply.value);
  if ("text" in reply) return reply.text;
  throw new RefusedCommand(`a text was expected, and ${reply.kind} came`);
}

function encodeCommand(command: Command): Uint8Array {
  const parts = command.map((part) => `$${String(part).length}\r\n${part}\r\n`);
  return fromLatin1(`*${parts.length}\r\n${parts.join("")}`);
}
