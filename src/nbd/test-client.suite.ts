/** A client for tests: one connection, requests by cookie, any of them at once. */

import { must } from "../base/assert.ts";
import { concatBytes } from "../base/bytes.ts";
import { decodeUtf8 } from "../base/utf8.ts";
import type { Address, Connection, ConnectionHandler, Network } from "../world/network.ts";
import { opening, request, type RequestParts } from "./client-bytes.suite.ts";
import { CHUNK } from "./protocol.ts";

export interface Reply {
  /** 0: it was done. */
  readonly error: number;
  readonly message: string;
  readonly data: Uint8Array;
}

const ACKNOWLEDGED = 1;
const GO = 7;

export class TestClient implements ConnectionHandler {
  readonly connection: Connection;
  readonly #pending = new Map<number, (reply: Reply | "closed") => void>();
  #received: Uint8Array = new Uint8Array(0);
  #wake: () => void = () => undefined;
  #nextCookie = 1;
  isClosed = false;

  constructor(connection: Connection) {
    this.connection = connection;
    connection.handle(this);
  }

  /** Connects and chooses the export, as a client with manners does. */
  static async open(network: Network, address: Address, name: string): Promise<TestClient> {
    const client = new TestClient(await network.connect(address));
    await client.take(18);
    client.connection.write(opening(name));
    for (;;) {
      const header = viewOf(await client.take(20));
      const length = header.getUint32(16);
      if (0 < length) await client.take(length);
      if (header.getUint32(8) === GO && header.getUint32(12) === ACKNOWLEDGED) break;
    }
    void client.#readReplies();
    return client;
  }

  /** The reply to a request, or word that the connection was closed before. */
  async ask(parts: Omit<RequestParts, "cookie">): Promise<Reply | "closed"> {
    const cookie = this.#nextCookie++;
    return await new Promise((resolve) => {
      if (this.isClosed) resolve("closed");
      else {
        this.#pending.set(cookie, resolve);
        this.connection.write(request({ ...parts, cookie }));
      }
    });
  }

  /** What was read or done; throws if it was not. */
  async do(parts: Omit<RequestParts, "cookie">): Promise<Uint8Array> {
    const reply = await this.ask(parts);
    if (reply === "closed") throw new Error("the connection was closed before the reply");
    if (reply.error !== 0) throw new Error(`error ${reply.error}: ${reply.message}`);
    return reply.data;
  }

  data(bytes: Uint8Array): void {
    this.#received = concatBytes([this.#received, bytes]);
    this.#wake();
  }

  drained(): void {
    // It never waits to write.
  }

  closed(): void {
    this.isClosed = true;
    for (const resolve of this.#pending.values()) resolve("closed");
    this.#pending.clear();
    this.#wake();
  }

  async untilClosed(): Promise<void> {
    while (!this.isClosed) await this.#change();
  }

  /** The next so many bytes; never, if the connection is closed before. */
  async take(count: number): Promise<Uint8Array> {
    while (this.#received.length < count) await this.#change();
    const taken = this.#received.slice(0, count);
    this.#received = this.#received.slice(count);
    return taken;
  }

  async #change(): Promise<void> {
    const before = this.#wake;
    await new Promise<void>((resolve) => {
      this.#wake = () => {
        before();
        resolve();
      };
    });
  }

  async #readReplies(): Promise<void> {
    for (;;) {
      const header = viewOf(await this.take(20));
      const cookie = header.getUint32(8) * 2 ** 32 + header.getUint32(12);
      const payload = await this.take(header.getUint32(16));
      const resolve = must(this.#pending.get(cookie), "a reply belongs to a request");
      this.#pending.delete(cookie);
      resolve(replyOf(header.getUint16(6), payload));
    }
  }
}

function replyOf(type: number, payload: Uint8Array): Reply {
  const view = viewOf(payload);
  switch (type) {
    case CHUNK.data:
      return { error: 0, message: "", data: payload.slice(8) };
    case CHUNK.hole:
      return { error: 0, message: "", data: new Uint8Array(view.getUint32(8)) };
    case CHUNK.error:
      return {
        error: view.getUint32(0),
        message: decodeUtf8(payload, 6),
        data: new Uint8Array(0),
      };
    default:
      return { error: 0, message: "", data: payload };
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
