/** What the network of every world must pass. */

import { describe, expect, test } from "vitest";
import { must } from "../base/assert.ts";
import { type FaultCode, isFault } from "../base/fault.ts";
import type { Address, Connection, ConnectionHandler, Listener, Network } from "./network.ts";
import { joinPath } from "./paths.ts";
import type { RunInWorld } from "./world-under-test.ts";

type AddressOf = (directory: string) => Address;

const KINDS: Readonly<Record<string, AddressOf>> = {
  tcp: () => ({ kind: "tcp", host: "127.0.0.1", port: 0 }),
  local: (directory) => ({ kind: "local", path: joinPath(directory, "socket") }),
};

export function testNetwork(name: string, run: RunInWorld): void {
  for (const [kind, addressOf] of Object.entries(KINDS)) {
    describe(`network: ${name}, ${kind}`, () => {
      testFlow(addressOf, run);
      testEnds(addressOf, run);
      testAddresses(addressOf, run);
    });
  }
  test(`network: ${name}: a local address may lie as deep as it likes`, async () => {
    await run(async ({ world: { files, network }, directory }) => {
      const deep = joinPath(directory, `${"d".repeat(90)}/${"e".repeat(90)}`);
      await files.makeDirectory(deep);
      const address: Address = { kind: "local", path: joinPath(deep, "socket") };
      const { client, server, listener } = await connectTo(network, address);
      client.connection.write(new Uint8Array(10));
      await server.until(() => server.receivedBytes === 10);
      client.connection.destroy();
      await listener.close();
    });
  });
}

function testFlow(addressOf: AddressOf, run: RunInWorld): void {
  test("every byte arrives, once and in order, both ways", async () => {
    await run(async ({ world: { network }, directory }) => {
      const { client, server, listener } = await connectTo(network, addressOf(directory));
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        for (let at = 0; at < 3000; at += 100) {
          from.connection.write(Uint8Array.from({ length: 100 }, (_, index) => (at + index) % 251));
        }
        await to.until(() => to.receivedBytes === 3000);
        expect(to.received).toEqual(Array.from({ length: 3000 }, (_, index) => index % 251));
      }
      client.connection.destroy();
      await listener.close();
    });
  });

  test("a writer is told to wait, and when it may go on", async () => {
    await run(async ({ world: { network }, directory }) => {
      const { client, server, listener } = await connectTo(network, addressOf(directory));
      server.connection.pause();
      const block = new Uint8Array(1 << 18).fill(1);
      let writtenBytes = 0;
      do writtenBytes += block.length;
      while (client.connection.write(block));
      expect(client.connection.unsentBytes).toBeGreaterThan(0);
      server.connection.resume();
      await client.until(() => client.drainedCount === 1);
      expect(client.connection.unsentBytes).toBe(0);
      await server.until(() => server.receivedBytes === writtenBytes);
      client.connection.destroy();
      await listener.close();
    });
  });

  test("a short write that must wait arrives as it was, whatever others write", async () => {
    await run(async ({ world: { network }, directory }) => {
      const { client, server, listener } = await connectTo(network, addressOf(directory));
      server.connection.pause();
      const block = new Uint8Array(1 << 18);
      let writtenBytes = 0;
      do writtenBytes += block.length;
      while (client.connection.write(block));
      client.connection.write(Uint8Array.of(1, 2, 3));
      client.connection.write(Uint8Array.of(4, 5, 6));
      server.connection.write(Uint8Array.of(7, 8, 9));
      await client.until(() => client.receivedBytes === 3);
      expect(client.received).toEqual([7, 8, 9]);
      server.connection.resume();
      await server.until(() => server.receivedBytes === writtenBytes + 6);
      expect(server.last).toEqual([1, 2, 3, 4, 5, 6]);
      client.connection.destroy();
      await listener.close();
    });
  });
}

function testEnds(addressOf: AddressOf, run: RunInWorld): void {
  test("what was written before the end still arrives, and both hear of it", async () => {
    await run(async ({ world: { network }, directory }) => {
      const { client, server, listener } = await connectTo(network, addressOf(directory));
      client.connection.write(new Uint8Array(200_000));
      client.connection.end();
      expect(client.connection.write(new Uint8Array(1))).toBe(false);
      await server.until(() => server.closedCount === 1);
      expect(server.receivedBytes).toBe(200_000);
      await client.until(() => client.closedCount === 1);
      await listener.close();
    });
  });

  test("who ends without having read all still gets its last words out", async () => {
    await run(async ({ world: { network }, directory }) => {
      const { client, server, listener } = await connectTo(network, addressOf(directory));
      server.connection.pause();
      client.connection.write(new Uint8Array(100_000));
      server.connection.write(new Uint8Array(5000));
      server.connection.end();
      await client.until(() => client.closedCount === 1);
      expect(client.receivedBytes).toBe(5000);
      await listener.close();
    });
  });

  test("destroying ends it on both sides, once", async () => {
    await run(async ({ world: { network }, directory }) => {
      const { client, server, listener } = await connectTo(network, addressOf(directory));
      server.connection.destroy();
      server.connection.destroy();
      expect(server.connection.write(new Uint8Array(1))).toBe(false);
      await client.until(() => client.closedCount === 1);
      await server.until(() => server.closedCount === 1);
      client.connection.destroy();
      client.connection.end();
      client.connection.pause();
      client.connection.resume();
      await listener.close();
      expect([client.closedCount, server.closedCount]).toEqual([1, 1]);
    });
  });

  test("connections outlive their listener", async () => {
    await run(async ({ world: { network }, directory }) => {
      const { client, server, listener } = await connectTo(network, addressOf(directory));
      await listener.close();
      client.connection.write(new Uint8Array(7));
      await server.until(() => server.receivedBytes === 7);
      await expectFault(network.connect(listener.address), "ERR_UNAVAILABLE");
      client.connection.destroy();
    });
  });
}

function testAddresses(addressOf: AddressOf, run: RunInWorld): void {
  test("an address has one listener at a time", async () => {
    await run(async ({ world: { network }, directory }) => {
      const first = await network.listen(addressOf(directory), ignore);
      await expectFault(network.listen(first.address, ignore), "ERR_LOCKED");
      await first.close();
      const second = await network.listen(first.address, ignore);
      await expectFault(network.listen(first.address, ignore), "ERR_LOCKED");
      await second.close();
      await second.close();
    });
  });

  test("of several that listen at once, one does", async () => {
    await run(async ({ world: { network }, directory }) => {
      // Asked for before, so that all of them want the same port.
      const before = await network.listen(addressOf(directory), ignore);
      await before.close();
      const attempts = Array.from({ length: 5 }, () => network.listen(before.address, ignore));
      const outcomes = await Promise.allSettled(attempts);
      const won = outcomes.filter((outcome) => outcome.status === "fulfilled");
      expect(won.length).toBe(1);
      for (const { value } of won) await value.close();
    });
  });
}

interface Connected {
  readonly client: Probe;
  readonly server: Probe;
  readonly listener: Listener;
}

async function connectTo(network: Network, address: Address): Promise<Connected> {
  const accepted: Probe[] = [];
  let told: (() => void) | undefined;
  const listener = await network.listen(address, (connection) => {
    accepted.push(new Probe(connection));
    told?.();
  });
  const client = new Probe(await network.connect(listener.address));
  if (accepted.length === 0) await new Promise<void>((resolve) => (told = resolve));
  return { client, server: must(accepted[0], "one was accepted"), listener };
}

/** One end of a connection, which counts what happens to it. */
class Probe implements ConnectionHandler {
  readonly connection: Connection;
  /** The first bytes that came in, and the last. */
  readonly received: number[] = [];
  last: readonly number[] = [];
  receivedBytes = 0;
  drainedCount = 0;
  closedCount = 0;
  #waiting: (() => void) | undefined;

  constructor(connection: Connection) {
    this.connection = connection;
    connection.handle(this);
  }

  data(bytes: Uint8Array): void {
    this.receivedBytes += bytes.length;
    if (this.received.length < 10_000) this.received.push(...bytes.subarray(0, 10_000));
    this.last = [...this.last, ...bytes.subarray(-6)].slice(-6);
    this.#waiting?.();
  }

  drained(): void {
    this.drainedCount++;
    this.#waiting?.();
  }

  closed(): void {
    this.closedCount++;
    this.#waiting?.();
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => (this.#waiting = resolve));
  }
}

function ignore(connection: Connection): void {
  connection.handle({ data: () => undefined, drained: () => undefined, closed: () => undefined });
}

async function expectFault(attempt: Promise<unknown>, code: FaultCode): Promise<void> {
  const outcome: unknown = await attempt.catch((error: unknown) => error);
  expect(isFault(outcome, code), `${code}, not ${String(outcome)}`).toBe(true);
}
