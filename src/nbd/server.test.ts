import { describe, expect, test } from "vitest";
import { SeededRandom } from "../base/random.ts";
import { defaultSimulationOptions, SimulatedWorld } from "../simulation/simulated-world.ts";
import { createFileVolume, openFileVolume } from "../volume/file-volume.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { Volume } from "../volume/volume.ts";
import type { Address, Connection, ConnectionHandler, ServerTls } from "../world/network.ts";
import type { World } from "../world/world.ts";
import { opening, option, request, u32 } from "./client-bytes.suite.ts";
import { NbdExport } from "./export.ts";
import { COMMAND, COMMAND_FLAG, ERROR, OPTION } from "./protocol.ts";
import { NbdServer } from "./server.ts";
import { defaultNbdServerOptions, type NbdServerOptions } from "./settings.ts";
import { SlowSparseVolume } from "./slow-sparse-volume.suite.ts";
import { SparseMemoryVolume } from "./sparse-memory-volume.suite.ts";
import { TestClient } from "./test-client.suite.ts";

const SIZE = 64 << 10;
const UNIT = 4096;
const ADDRESS: Address = { kind: "tcp", host: "server", port: 10_809 };

interface Serving {
  readonly simulation: SimulatedWorld;
  readonly server: NbdServer;
  /** The world of the clients. */
  readonly away: World;
  readonly connect: () => Promise<TestClient>;
}

async function serving(
  seed: number,
  body: (serving: Serving) => Promise<void>,
  settings: Partial<NbdServerOptions> = {},
  open: (world: World) => Promise<Volume> = async () => new MemoryVolume(SIZE),
): Promise<void> {
  const simulation = new SimulatedWorld({ ...defaultSimulationOptions, seed, drain });
  const { world } = simulation.node("server");
  const away = simulation.node("clients").world;
  await simulation.run(async () => {
    const disk = new NbdExport(await open(world), {
      name: "disk",
      description: "",
      readOnly: false,
    });
    const server = new NbdServer(world, [disk], { ...defaultNbdServerOptions, ...settings });
    await server.listen(ADDRESS);
    const connect = async (): Promise<TestClient> =>
      await TestClient.open(away.network, ADDRESS, "disk");
    await body({ simulation, server, away, connect });
  });
}

async function drain(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

async function wait(world: World, delayMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    world.clock.after(delayMs, resolve);
  });
}

const OWNERS = 3;
/** Owners take turns in pieces of this size, so that several share each unit. */
const PIECE = 100;

/** Writes and reads what it owns of the disk, many at once, and knows what must be there. */
class Owner {
  readonly #client: TestClient;
  readonly #random: SeededRandom;
  readonly #index: number;
  readonly content = new Uint8Array(SIZE);

  constructor(client: TestClient, index: number, random: SeededRandom) {
    this.#client = client;
    this.#index = index;
    this.#random = random;
  }

  owns(at: number): boolean {
    return Math.floor(at / PIECE) % OWNERS === this.#index;
  }

  async round(): Promise<void> {
    const pieces = new Set(Array.from({ length: 8 }, () => this.#randomPiece()));
    await Promise.all([...pieces].map(async (at) => await this.#change(at)));
    await Promise.all([...pieces].map(async (at) => await this.#check(at)));
  }

  async flush(): Promise<void> {
    await this.#client.do({ command: COMMAND.flush });
  }

  #randomPiece(): number {
    const rounds = Math.floor(SIZE / PIECE / OWNERS);
    return (this.#random.below(rounds) * OWNERS + this.#index) * PIECE;
  }

  async #change(at: number): Promise<void> {
    const flags = this.#random.chance(20) ? COMMAND_FLAG.forceUnitAccess : 0;
    if (this.#random.chance(25)) {
      this.content.fill(0, at, at + PIECE);
      await this.#client.do({ command: COMMAND.writeZeroes, flags, at, byteCount: PIECE });
      return;
    }
    const payload = new Uint8Array(PIECE).fill(1 + this.#random.below(255));
    this.content.set(payload, at);
    await this.#client.do({ command: COMMAND.write, flags, at, payload });
  }

  async #check(at: number): Promise<void> {
    const read = await this.#client.do({ command: COMMAND.read, at, byteCount: PIECE });
    expect(read).toEqual(this.content.slice(at, at + PIECE));
  }
}

describe("several connections", () => {
  test.each([1, 2, 3, 4])(
    "share a disk and its units; what one flushed, all have flushed; seed %d",
    async (seed) => {
      const simulation = new SimulatedWorld({ ...defaultSimulationOptions, seed, drain });
      const machine = simulation.node("server");
      const away = simulation.node("clients").world;
      const owners: Owner[] = [];
      await simulation.run(async () => {
        const { world } = machine;
        await world.files.makeDirectory("/data");
        await world.files.syncDirectory("/");
        const volume = await createFileVolume(world.files, "/data/disk", SIZE);
        const disk = new NbdExport(volume, { name: "disk", description: "", readOnly: false });
        const server = new NbdServer(world, [disk], defaultNbdServerOptions);
        await server.listen(ADDRESS);
        for (let index = 0; index < OWNERS; index++) {
          const client = await TestClient.open(away.network, ADDRESS, "disk");
          owners.push(new Owner(client, index, simulation.random(`owner ${index}`)));
        }
        for (let count = 0; count < 12; count++) {
          await Promise.all(owners.map(async (owner) => await owner.round()));
        }
        await owners[seed % OWNERS]?.flush();
      });
      machine.crash("power");
      await simulation.run(async () => {
        const volume = await openFileVolume(machine.world.files, "/data/disk");
        const content = new Uint8Array(SIZE);
        await volume.read(0, content);
        for (const owner of owners) {
          const wrong = content.findIndex(
            (byte, at) => owner.owns(at) && byte !== owner.content[at],
          );
          expect(wrong).toBe(-1);
        }
      });
    },
  );

  test("what was written with FUA survives a loss of power, without a flush", async () => {
    const simulation = new SimulatedWorld({ ...defaultSimulationOptions, seed: 5, drain });
    const machine = simulation.node("server");
    const away = simulation.node("clients").world;
    const flags = COMMAND_FLAG.forceUnitAccess;
    await simulation.run(async () => {
      await machine.world.files.makeDirectory("/data");
      await machine.world.files.syncDirectory("/");
      const volume = await createFileVolume(machine.world.files, "/data/disk", SIZE);
      const disk = new NbdExport(volume, { name: "disk", description: "", readOnly: false });
      const server = new NbdServer(machine.world, [disk], defaultNbdServerOptions);
      await server.listen(ADDRESS);
      const client = await TestClient.open(away.network, ADDRESS, "disk");
      const payload = new Uint8Array(5000).fill(7);
      await client.do({ command: COMMAND.write, flags, at: 1000, payload });
      await client.do({ command: COMMAND.writeZeroes, flags, at: 2000, byteCount: 1000 });
    });
    machine.crash("power");
    await simulation.run(async () => {
      const volume = await openFileVolume(machine.world.files, "/data/disk");
      const content = new Uint8Array(6000);
      await volume.read(0, content);
      const expected = new Uint8Array(6000).fill(7, 1000).fill(0, 2000, 3000);
      expect(content).toEqual(expected);
    });
  });
});

describe("limits", () => {
  test("past the limit of connections a new one is closed, and room comes back", async () => {
    await serving(
      1,
      async ({ server, away, connect }) => {
        const first = await connect();
        await expect(away.network.connect(ADDRESS)).rejects.toThrow("nobody answers");
        expect(server.stats.connectionsRefused).toBe(1);
        await first.do({ command: COMMAND.flush });
        first.connection.end();
        await first.untilClosed();
        while (server.connectionCount > 0) await wait(away, 1);
        await (await connect()).do({ command: COMMAND.flush });
        await server.close();
      },
      { connectionCountMax: 1 },
    );
  });

  test("who doesn't choose an export, or stops within a request, is closed alone", async () => {
    await serving(
      2,
      async ({ server, away, connect }) => {
        const good = await connect();
        const silent = new TestClient(await away.network.connect(ADDRESS));
        const haggling = new TestClient(await away.network.connect(ADDRESS));
        haggling.connection.write(u32(3));
        const stuck = await connect();
        const write = request({ command: COMMAND.write, cookie: 9, payload: new Uint8Array(5000) });
        stuck.connection.write(write.slice(0, 4000));

        for (let second = 0; second < 10; second++) {
          await wait(away, 1000);
          haggling.connection.write(option(OPTION.list));
          await good.do({ command: COMMAND.read, byteCount: 10 });
          expect(stuck.isClosed).toBe(false);
        }
        await silent.untilClosed();
        await haggling.untilClosed();
        for (let second = 0; second < 25; second++) {
          await wait(away, 1000);
          await good.do({ command: COMMAND.read, byteCount: 10 });
        }
        await stuck.untilClosed();
        expect(server.stats.connectionsTimedOut).toBe(3);
        expect(server.connectionCount).toBe(1);
        await server.close();
      },
      { handshakeTimeoutMs: 5000, requestTimeoutMs: 20_000 },
    );
  });

  test("idle clients are closed if that is wanted, and busy ones are not", async () => {
    await serving(
      3,
      async ({ server, away, connect }) => {
        const busy = await connect();
        const idle = await connect();
        for (let second = 0; second < 12; second++) {
          await wait(away, 1000);
          await busy.do({ command: COMMAND.read, byteCount: 10 });
        }
        expect([busy.isClosed, idle.isClosed]).toEqual([false, true]);
        await server.close();
      },
      { idleTimeoutMs: 5000 },
    );
  });

  test("who asks and never reads is worked for no further, and dropped; others don't feel it", async () => {
    const settings = {
      requestTimeoutMs: 20_000,
      requestBytesMax: SIZE,
      inFlightBytesMax: 4 * SIZE,
      outputPauseBytes: 4 * SIZE,
    };
    await serving(
      4,
      async ({ server, away, connect }) => {
        const good = await connect();
        const greedy = new DeafConnection();
        server.accept(greedy);
        greedy.say(opening("disk"));
        const before = server.stats.requests;
        for (let cookie = 0; cookie < 500 && !greedy.isPaused; cookie++) {
          greedy.say(request({ command: COMMAND.read, cookie, byteCount: SIZE }));
          await wait(away, 1);
        }
        const { inFlightBytesMax, outputPauseBytes } = settings;
        const done = server.stats.requests - before;
        expect(done * SIZE).toBeLessThanOrEqual(inFlightBytesMax + outputPauseBytes + SIZE);
        expect(greedy.isPaused).toBe(true);
        for (let second = 0; second < 30; second++) {
          await wait(away, 1000);
          await good.do({ command: COMMAND.read, byteCount: 10 });
        }
        expect(greedy.isDestroyed).toBe(true);
        expect(server.connectionCount).toBe(1);
        await server.close();
      },
      settings,
    );
  });
});

/** A connection to somebody who speaks and never reads. */
class DeafConnection implements Connection {
  readonly peer = "deaf";
  unsentBytes = 0;
  isPaused = false;
  isDestroyed = false;
  #handler: ConnectionHandler | undefined;

  say(bytes: Uint8Array): void {
    this.#handler?.data(bytes);
  }

  handle(handler: ConnectionHandler): void {
    this.#handler = handler;
  }

  write(bytes: Uint8Array): boolean {
    this.unsentBytes += bytes.length;
    return false;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  end(): void {
    // What is unsent stays so.
  }

  destroy(): void {
    this.isDestroyed = true;
    this.#handler?.closed();
  }
}

describe("errors", () => {
  test("are answered, and the connection goes on", async () => {
    await serving(6, async ({ server, connect }) => {
      const client = await connect();
      expect(await client.ask({ command: 99 })).toMatchObject({ error: ERROR.invalid });
      const beyond = { command: COMMAND.write, at: SIZE - 1, payload: new Uint8Array(5) };
      expect(await client.ask(beyond)).toMatchObject({ error: ERROR.noSpace });
      const trim = { command: COMMAND.trim, byteCount: 5 };
      expect(await client.ask(trim)).toMatchObject({ error: ERROR.invalid });
      expect(await client.do({ command: COMMAND.read, byteCount: 3 })).toEqual(new Uint8Array(3));
      await server.close();
    });
  });

  test("garbage ends the connection that it came by, and no other", async () => {
    await serving(7, async ({ server, away, connect }) => {
      const good = await connect();
      const random = new SeededRandom(7);
      for (let count = 0; count < 100; count++) {
        const bad = new TestClient(await away.network.connect(ADDRESS));
        const bytes = new Uint8Array(1 + random.below(200));
        for (let index = 0; index < bytes.length; index++) bytes[index] = random.below(256);
        if (random.chance(50)) bad.connection.write(u32(3));
        bad.connection.write(bytes);
        if (random.chance(50)) bad.connection.end();
        await good.do({ command: COMMAND.read, byteCount: 3 });
        if (!bad.isClosed) bad.connection.destroy();
      }
      await server.close();
    });
  });
});

describe("the end", () => {
  test("waits for what is under way, which is answered, and takes nothing new", async () => {
    const slow = new SlowSparseVolume(new SparseMemoryVolume(SIZE, UNIT), new SeededRandom(1));
    await serving(
      8,
      async ({ server, away, connect }) => {
        const client = await connect();
        const idle = await connect();
        const write = client.ask({ command: COMMAND.write, payload: new Uint8Array(UNIT).fill(9) });
        while (server.stats.requests === 0) await wait(away, 1);
        const closing = server.close(10_000);
        await idle.untilClosed();
        const late = await away.network.connect(ADDRESS).catch((error: unknown) => error);
        expect(late).toBeInstanceOf(Error);
        while (slow.letOneGo()) await wait(away, 1);
        expect(await write).toMatchObject({ error: 0 });
        await client.untilClosed();
        await closing;
        expect(server.connectionCount).toBe(0);
      },
      {},
      async () => slow,
    );
  });

  test("waits no longer than it may", async () => {
    const slow = new SlowSparseVolume(new SparseMemoryVolume(SIZE, UNIT), new SeededRandom(1));
    await serving(
      9,
      async ({ server, away, connect }) => {
        const client = await connect();
        const write = client.ask({ command: COMMAND.flush });
        while (server.stats.requests === 0) await wait(away, 1);
        const startedMs = away.clock.monotonicMs();
        await server.close(3000);
        expect(away.clock.monotonicMs() - startedMs).toBeLessThan(4000);
        expect(await write).toBe("closed");
        while (slow.letOneGo()) await wait(away, 1);
      },
      {},
      async () => slow,
    );
  });
});

test("what nobody flushes is made durable all the same, once, after some seconds", async () => {
  const volume = new CountingVolume(SIZE);
  await serving(
    1,
    async ({ away, connect, server }) => {
      const client = await connect();
      await client.do({ command: COMMAND.write, payload: new Uint8Array(100).fill(1) });
      client.connection.end();
      await wait(away, 3000);
      expect(volume.syncCount).toBe(0);
      await wait(away, 5000);
      expect(volume.syncCount).toBe(1);
      await wait(away, 30_000);
      expect(volume.syncCount).toBe(1);
      await server.close();
    },
    {},
    async () => volume,
  );
});

class CountingVolume extends MemoryVolume {
  syncCount = 0;

  override async sync(): Promise<void> {
    this.syncCount++;
    await super.sync();
  }
}

describe("TLS", () => {
  async function withTls(
    tls: ServerTls,
    body: (server: NbdServer, client: TestClient, world: World) => Promise<void>,
  ): Promise<void> {
    const simulation = new SimulatedWorld({ ...defaultSimulationOptions, seed: 1, drain });
    const { world } = simulation.node("server");
    const away = simulation.node("clients").world;
    await simulation.run(async () => {
      const volume = new MemoryVolume(SIZE);
      const disk = new NbdExport(volume, { name: "disk", description: "", readOnly: false });
      const settings = { ...defaultNbdServerOptions, tls: "required" } as const;
      const server = new NbdServer(world, [disk], settings, tls);
      await server.listen(ADDRESS);
      const client = new TestClient(await away.network.connect(ADDRESS));
      client.connection.write(u32(3));
      client.connection.write(option(OPTION.startTls));
      await body(server, client, away);
      await server.close();
    });
  }

  test("a handshake that fails ends the connection, and is counted", async () => {
    const tls: ServerTls = {
      secure: async (connection) => {
        connection.destroy();
        throw new Error("it has no certificate");
      },
    };
    await withTls(tls, async (server, client) => {
      await client.untilClosed();
      expect(server.stats.tlsFailures).toBe(1);
      expect(server.connectionCount).toBe(0);
    });
  });

  test("a handshake that takes too long is ended", async () => {
    let fail: () => void = () => undefined;
    const tls: ServerTls = {
      secure: async (connection) =>
        await new Promise((_resolve, reject) => {
          fail = () => {
            connection.destroy();
            reject(new Error("closed meanwhile"));
          };
        }),
    };
    await withTls(tls, async (server, client, world) => {
      await wait(world, 12_000);
      await client.untilClosed();
      expect(server.stats.connectionsTimedOut).toBeGreaterThan(0);
      fail();
      while (server.connectionCount > 0) await wait(world, 1);
    });
  });
});
