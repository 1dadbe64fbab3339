/** A door in memory, with a clock that stands still unless told, and clients that speak to it. */

import { fromLatin1, ownBytes } from "../base/bytes.ts";
import { describeReply, type Reply, ReplyReader } from "../resp/reply-reader.ts";
import type { TransactionStore } from "../transactions/step.ts";
import type { Connection, ConnectionHandler } from "../world/network.ts";
import type { Clock, Random } from "../world/world.ts";
import type { DoorWorld } from "./door.ts";
import { MemoryStore } from "./memory-store.suite.ts";
import { RedisServer } from "./server.ts";
import { defaultRedisServerOptions, type RedisServerOptions } from "./settings.ts";

export class TestClock implements Clock {
  nowMs = 1_700_000_000_000;
  readonly #timers = new Set<{ readonly dueMs: number; readonly fire: () => void }>();

  wallMs(): number {
    return this.nowMs;
  }

  startFrom(wallMs: number): void {
    this.nowMs = Math.max(this.nowMs, wallMs);
  }

  monotonicMs(): number {
    return this.nowMs - 1_600_000_000_000;
  }

  after(delayMs: number, fire: () => void): () => void {
    const timer = { dueMs: this.nowMs + delayMs, fire };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  soon(fire: () => void): void {
    void turn().then(fire);
  }

  /** Lets time pass, and what was due in it happen, each with its consequences. */
  async pass(durationMs: number): Promise<void> {
    const endMs = this.nowMs + durationMs;
    for (;;) {
      await turn();
      const [next] = [...this.#timers]
        .filter(({ dueMs }) => dueMs <= endMs)
        .toSorted((a, b) => a.dueMs - b.dueMs);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.nowMs = Math.max(this.nowMs, next.dueMs);
      next.fire();
    }
    this.nowMs = endMs;
  }
}

/** Draws the same numbers in every run. */
export class TestRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }

  fill(target: Uint8Array): void {
    for (let index = 0; index < target.length; index++) target[index] = this.below(256);
  }

  stream(): Random {
    return this;
  }
}

/** Resolves when everything that can happen by itself has happened. */
export async function turn(): Promise<void> {
  for (let count = 0; count < 3; count++) {
    await new Promise<void>((resolve) => {
      // oxlint-disable-next-line no-restricted-globals -- tests wait for the real event loop
      setImmediate(resolve);
    });
  }
}

export class TestDoor {
  readonly clock: TestClock = new TestClock();
  /** The store of the door, unless it was given another. */
  readonly store: MemoryStore = new MemoryStore();
  readonly events: string[] = [];
  readonly server: RedisServer;

  constructor(options: Partial<RedisServerOptions> = {}, other?: TransactionStore) {
    const world: DoorWorld = {
      clock: this.clock,
      random: new TestRandom(1),
      network: {
        listen: async () => await Promise.reject(new Error("clients come by themselves")),
        connect: async () => await Promise.reject(new Error("the door calls nobody")),
      },
      trace: { event: (name) => this.events.push(name) },
      process: {
        host: "test",
        pid: 1,
        bootId: "1",
        startedMs: this.clock.nowMs,
        memoryBytes: 2 ** 30,
      },
    };
    this.store.nowMs = () => this.clock.nowMs;
    const all = { ...defaultRedisServerOptions, ...options };
    this.server = new RedisServer(world, other ?? this.store, all);
  }

  connect(): TestClient {
    const connection = new TestConnection();
    this.server.accept(connection);
    return new TestClient(connection, () => this.server.flush());
  }
}

export class TestConnection implements Connection {
  readonly peer = "127.0.0.1:50001";
  handler: ConnectionHandler | undefined;
  readonly reader: ReplyReader = new ReplyReader();
  /** How many times `write` was called. */
  writeCount = 0;
  ended = false;
  destroyed = false;
  paused = false;
  /** Whether the other side has stopped reading. */
  stalled = false;
  #unsent: Uint8Array[] = [];

  handle(handler: ConnectionHandler): void {
    this.handler = handler;
  }

  write(bytes: Uint8Array): boolean {
    this.writeCount++;
    if (this.stalled) this.#unsent.push(bytes);
    else this.reader.push(ownBytes(bytes));
    return !this.stalled;
  }

  get unsentBytes(): number {
    return this.#unsent.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  /** The other side reads what it left unread. */
  drain(): void {
    this.stalled = false;
    for (const bytes of this.#unsent.splice(0)) this.reader.push(ownBytes(bytes));
    this.handler?.drained();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.ended = true;
    this.close();
  }

  destroy(): void {
    this.destroyed = true;
    this.close();
  }

  /** The other side hangs up, or we do. */
  close(): void {
    const { handler } = this;
    this.handler = undefined;
    handler?.closed();
  }
}

export class TestClient {
  readonly connection: TestConnection;
  readonly #endTurn: () => void;

  constructor(connection: TestConnection, endTurn: () => void) {
    this.connection = connection;
    this.#endTurn = endTurn;
  }

  get isClosed(): boolean {
    return this.connection.handler === undefined;
  }

  /** Sends bytes as they are, one character a byte. */
  sendRaw(text: string): void {
    // A buffer that is used again for the next chunk, as the host's is.
    const shared = fromLatin1(text);
    this.connection.handler?.data(shared);
    shared.fill(0x21);
  }

  /** Sends requests in one chunk, each given as a line of words, quoted where they must be. */
  send(...lines: readonly string[]): void {
    this.sendRaw(lines.map((line) => encodeRequest(words(line))).join(""));
  }

  /** The replies that come by the end of this turn, each on one line. */
  received(): string[] {
    this.#endTurn();
    const lines: string[] = [];
    for (let reply = this.#next(); reply !== undefined; reply = this.#next()) {
      lines.push(describeReply(reply));
    }
    return lines;
  }

  /** Sends requests, lets things happen, and returns the replies. */
  async ask(...lines: readonly string[]): Promise<string[]> {
    this.send(...lines);
    await turn();
    return this.received();
  }

  #next(): Reply | undefined {
    return this.connection.reader.next();
  }
}

export function encodeRequest(args: readonly string[]): string {
  const bulks = args.map((word) => `$${word.length}\r\n${word}\r\n`);
  return `*${args.length}\r\n${bulks.join("")}`;
}

/** Splits a line at its blanks; "in quotes" JSON escapes hold, and `text*3` is repeated. */
export function words(line: string): string[] {
  return [...line.matchAll(/"(?:[^"\\]|\\.)*"|\S+/g)].map(([word]) =>
    word.startsWith('"') ? String(JSON.parse(word)) : word,
  );
}
