import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { temporaryDirectory } from "./support/directories.ts";
import { Ledger } from "./support/ledger.ts";
import { Server } from "./support/server.ts";

const KILLS = 8;
const CLIENTS = 20;
/** How long the server lives in each round. Only where it is hit depends on it, not the outcome. */
const LIFE_MS = 300;

test("a server killed again and again under load loses no acknowledged write", async () => {
  const data = temporaryDirectory();
  const ledger = new Ledger(CLIENTS);
  for (let round = 0; round < KILLS; round++) {
    const server = await Server.start({ data });
    await ledger.check(server.port);
    const writing = ledger.writeUntilGone(server.port);
    await sleep(LIFE_MS + round * 37);
    await server.kill();
    await writing;
  }
  const server = await Server.start({ data });
  await ledger.check(server.port);
  expect(ledger.acknowledgedCount).toBeGreaterThan(KILLS * CLIENTS);
  expect((await server.stop()).code).toBe(0);
});

test("a server that is stopped under load finishes what it has begun, and ends with 0", async () => {
  const data = temporaryDirectory();
  const ledger = new Ledger(CLIENTS);
  const first = await Server.start({ data });
  const writing = ledger.writeUntilGone(first.port);
  await sleep(LIFE_MS);
  expect((await first.stop()).code).toBe(0);
  await writing;

  const second = await Server.start({ data });
  await ledger.check(second.port);
  await second.stop();
});
