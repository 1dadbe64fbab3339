import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { link, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { acquireDirectoryLock, directoryTakenFault } from "../world/directory-lock.ts";
import type { Connection } from "../world/network.ts";
import { hostWorld } from "./world.ts";

const RACER = join(import.meta.dirname, "lock-racer.suite.ts");
const ROUNDS = 20;

let directory = "";

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-lock-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

test("of two processes that race, one wins, and the dead keep nobody out", async () => {
  const racers = await Promise.all([startRacer(), startRacer()]);
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const answers = await Promise.all(racers.map(async (racer) => await tell(racer, directory)));
      const winner = answers.indexOf("held");
      const pid = racers[winner]?.pid;
      expect(answers.toSorted(), `round ${round}`).toEqual(["held", `taken by ${pid}`]);
      const holder = racers[winner];
      if (holder === undefined) continue;
      if (round % 2 === 0) await tell(holder, "release");
      else {
        await stop(holder);
        racers[winner] = await startRacer();
      }
    }
  } finally {
    await Promise.all(racers.map(stop));
  }
}, 120_000);

test("of many that find a dead socket, one wins, every time", async () => {
  const world = hostWorld();
  for (let round = 0; round < 10; round++) {
    await rm(join(directory, "lock"), { recursive: true, force: true });
    await mkdir(join(directory, "lock"));
    await leaveDeadSocket(join(directory, "lock/socket"));
    const attempts = Array.from(
      { length: 6 },
      async () => await acquireDirectoryLock(world, directory, "test", drop),
    );
    const outcomes = await Promise.all(attempts);
    const held = outcomes.filter((outcome) => outcome.kind === "held");
    expect(held.length, `round ${round}`).toBe(1);
    for (const lock of held) await lock.release();
  }
});

test("who finds it taken learns by whom, and what to do", async () => {
  const world = hostWorld();
  const lock = await acquireDirectoryLock(world, directory, "holdfast serve 1", drop);
  const second = await acquireDirectoryLock(world, directory, "holdfast check", drop);
  if (lock.kind !== "held" || second.kind !== "taken") return expect.fail("the first holds it");
  const { message } = directoryTakenFault(directory, second);
  expect(message).toContain(`"holdfast serve 1" (pid ${process.pid} on host`);
  expect(message).toMatch(/since 20\d\d-.*stop that one first, or connect to it/);
  await lock.release();
  const third = await acquireDirectoryLock(world, directory, "holdfast check", drop);
  expect(third.kind).toBe("held");
  if (third.kind === "held") await third.release();
});

async function startRacer(): Promise<ChildProcess> {
  const racer = fork(RACER, { execArgv: ["--import", "tsx"] });
  await once(racer, "message");
  return racer;
}

async function tell(racer: ChildProcess, message: string): Promise<string> {
  const answer = once(racer, "message");
  racer.send(message);
  const [text] = (await answer) as unknown[];
  return String(text);
}

async function stop(racer: ChildProcess): Promise<void> {
  const exited = once(racer, "exit");
  racer.kill("SIGKILL");
  await exited;
}

/** Leaves what a process leaves that was killed while it listened. */
async function leaveDeadSocket(path: string): Promise<void> {
  const server = createServer();
  server.listen(path);
  await once(server, "listening");
  await link(path, `${path}.kept`);
  server.close();
  await once(server, "close");
  await rename(`${path}.kept`, path);
}

function drop(connection: Connection): void {
  connection.handle({ data: () => undefined, drained: () => undefined, closed: () => undefined });
  connection.destroy();
}
