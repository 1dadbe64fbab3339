import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { open } from "../src/entry/main.ts";
import { root, temporaryDirectory } from "./support/directories.ts";
import { hasProgram } from "./support/programs.ts";
import { connectTo } from "./support/redis-client.ts";
import { firstLine, runHoldfast, Server } from "./support/server.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const LARGE_BYTES = 512 * 1024;
const LARGE_GETS = 32;
const LARGE_GETS_ANSWERED_MIN = 2;

interface Printed {
  readonly error: { readonly code: string; readonly message: string };
}

function errorIn(stdout: string): Printed["error"] {
  return (JSON.parse(stdout) as Printed).error;
}

test("health, status and metrics say that it serves", async () => {
  const server = await Server.start({ data: temporaryDirectory() });
  const client = connectTo(server.port);
  await client.set("key", "value");

  for (const path of ["/livez", "/readyz"]) {
    expect(await (await fetch(`${server.http}${path}`)).text()).toBe("ok\n");
  }
  const metrics = await (await fetch(`${server.http}/metrics`)).text();
  expect(metrics).toMatch(/^holdfast_ready 1$/mu);
  expect(metrics).toMatch(/^holdfast_commands_total [1-9]\d*$/mu);
  expect(metrics).toMatch(/^holdfast_connections 1$/mu);

  const asked = await runHoldfast(["status", "--url", server.http, "--json"]);
  expect(asked.code).toBe(0);
  expect(JSON.parse(asked.stdout)).toMatchObject({ state: "ready", port: server.port });
  expect((await server.stop()).code).toBe(0);

  const askedAgain = await runHoldfast(["status", "--url", server.http]);
  expect(askedAgain.code).toBe(1);
  expect(askedAgain.stderr).toContain("no server answers");
});

test("it serves beyond loopback only with a password", async () => {
  const data = temporaryDirectory();
  for (const flag of ["--host", "--http-host"]) {
    const { code, stdout } = await Server.startAndFail({ data, flags: [flag, "0.0.0.0"] });
    expect(code).toBe(2);
    expect(errorIn(stdout).message).toContain("without a password");
  }
  const file = join(temporaryDirectory(), "password");
  writeFileSync(file, "s3cret\n");
  chmodSync(file, 0o600);
  const flags = ["--host", "0.0.0.0", "--requirepass-file", file];
  const server = await Server.start({ data, flags });
  const client = connectTo(server.port, "s3cret");
  expect(await client.ping()).toBe("PONG");
  await server.stop();
});

test("a password on the command line is refused, with the way out", async () => {
  for (const flag of ["--password=s3cret", "--requirepass=s3cret"]) {
    const { code, stderr } = await runHoldfast(["serve", flag]);
    expect(code).toBe(2);
    expect(stderr).toContain("--requirepass-file");
    expect(stderr).not.toContain("s3cret");
  }
});

test("a port that is in use is named, and the data stays free", async () => {
  const data = temporaryDirectory();
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  for (const flag of ["--port", "--http-port"]) {
    const { code, stdout } = await Server.startAndFail({ data, flags: [flag, String(port)] });
    expect(code).toBe(1);
    expect(errorIn(stdout).message).toContain(String(port));
    expect(errorIn(stdout).message).toContain(flag);
    expect(readdirSync(data)).toEqual([]);
  }
  other.close();
  const server = await Server.start({ data });
  expect((await server.stop()).code).toBe(0);
});

test("where the clock was set back time goes on, and that is said", async () => {
  const data = temporaryDirectory();
  expect((await (await Server.start({ data })).stop()).code).toBe(0);
  const real = Date.now.bind(Date);
  const now = vi.spyOn(Date, "now").mockImplementation(() => real() + DAY_MS);
  const database = await open({ path: data, attach: false, cacheBytes: 16 << 20 });
  await database.close();
  now.mockRestore();

  const server = await Server.start({ data });
  const [seconds] = await connectTo(server.port).time();
  expect(Number(seconds) * 1000).toBeGreaterThan(real() + DAY_MS - HOUR_MS);
  const { code, stderr } = await server.stop();
  expect(code).toBe(0);
  expect(stderr).toContain("the clock is behind");
});

test("a directory of something else is refused, and left alone", async () => {
  const data = temporaryDirectory();
  writeFileSync(join(data, "thesis.txt"), "do not touch");
  const { code, stdout } = await Server.startAndFail({ data });
  expect(code).toBe(1);
  expect(errorIn(stdout).code).toBe("ERR_FORMAT");
});

test("a second signal ends it at once", async () => {
  const server = await Server.start({ data: temporaryDirectory() });
  await connectTo(server.port).set("large", "v".repeat(LARGE_BYTES));
  // A client that does not read its replies keeps the first signal waiting.
  const slow = connect(server.port, "127.0.0.1");
  slow.on("error", () => undefined);
  slow.pause();
  slow.write("GET large\r\n".repeat(LARGE_GETS));
  await whenStuck(server);

  server.signal("SIGTERM");
  await expect.poll(() => server.log).toContain("stopping");
  server.signal("SIGTERM");
  expect((await server.ended).code).toBe(143);
  slow.destroy();
});

/** Resolves when the server has stopped answering, since nobody reads. */
async function whenStuck(server: Server): Promise<void> {
  let last = 0;
  await expect
    .poll(async () => {
      const before = last;
      last = await commandCount(server);
      return before > LARGE_GETS_ANSWERED_MIN && last === before;
    })
    .toBe(true);
}

async function commandCount(server: Server): Promise<number> {
  const metrics = await (await fetch(`${server.http}/metrics`)).text();
  return Number(/^holdfast_commands_total (\d+)$/mu.exec(metrics)?.[1] ?? 0);
}

test("a hang-up changes nothing for a server without a terminal", async () => {
  const server = await Server.start({ data: temporaryDirectory() });
  const client = connectTo(server.port);
  server.signal("SIGHUP");
  await vi.waitFor(() => expect(server.log).toContain("a hang-up changes nothing"));
  await client.set("key", "value");
  expect(await client.get("key")).toBe("value");
  expect((await server.stop()).code).toBe(0);
});

test.skipIf(!hasProgram("script"))("a terminal that is closed stops its server", async () => {
  const data = temporaryDirectory();
  const serve = `./holdfast serve --data ${data} --port 0 --http-port 0 --log 8M`;
  const terminal = spawn("script", ["-qfc", serve, "/dev/null"], { cwd: root });
  onTestFinished(() => void terminal.kill("SIGKILL"));
  let shown = "";
  terminal.stdout.on("data", (chunk: Buffer) => (shown += chunk.toString()));
  await vi.waitFor(() => expect(shown).toContain("Ctrl-C"), 30_000);
  terminal.kill("SIGKILL");
  const closed = await vi.waitFor(async () => {
    const { code, stdout } = await runHoldfast(["inspect", data, "--json"]);
    expect(code).toBe(0);
    return JSON.parse(stdout) as unknown;
  }, 20_000);
  expect(closed).toMatchObject({ isCleanlyClosed: true });
});

test.skipIf(!existsSync("/dev/full"))("a server goes on without its log", async () => {
  const full = openSync("/dev/full", "w");
  const flags = ["--data", temporaryDirectory(), "--port", "0", "--http-port", "0", "--json"];
  const child = spawn("./holdfast", ["serve", ...flags], {
    cwd: root,
    stdio: ["ignore", "pipe", full],
  });
  closeSync(full);
  onTestFinished(() => void child.kill("SIGKILL"));
  const { port } = JSON.parse(await firstLine(child)) as { readonly port: number };
  expect(await connectTo(port).ping()).toBe("PONG");
  child.kill("SIGTERM");
  expect(await once(child, "close")).toEqual([0, null]);
});

test.skipIf(!existsSync("/dev/full"))("a result that cannot be printed is a failure", () => {
  const full = openSync("/dev/full", "w");
  const { status, stderr } = spawnSync("./holdfast", ["config"], {
    cwd: root,
    stdio: ["ignore", full, "pipe"],
  });
  closeSync(full);
  expect(status).toBe(1);
  expect(String(stderr)).toBe(
    "holdfast: the result cannot be printed: ENOSPC: no space left on device, write\n",
  );
});

test("HTTP sent to the Redis port is refused and nothing of it is run", async () => {
  const server = await Server.start({ data: temporaryDirectory() });
  const body = "SET smuggled 1\r\n";
  const socket = connect(server.port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write(`POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16\r\n\r\n${body}`);
  await once(socket, "close");

  const client = connectTo(server.port);
  expect(await client.exists("smuggled")).toBe(0);
  await server.stop();
});

test.each([
  [["serv"], "Did you mean serve?"],
  [["serve", "--prot", "1"], "Did you mean --port?"],
  [["serve", "--port", "x"], "whole number"],
  [["serve", "extra"], "too many arguments"],
])("holdfast %o ends with 2 and says what was wrong", async (args, reason) => {
  const { code, stderr, stdout } = await runHoldfast(args);
  expect(code).toBe(2);
  expect(stderr).toContain(reason);
  expect(stdout).toBe("");
  const asJson = await runHoldfast([...args, "--json"]);
  expect(asJson.code).toBe(2);
  expect(errorIn(asJson.stdout).code).toBe("usage");
});

test("a server at rest sleeps", async () => {
  const server = await Server.start({ data: temporaryDirectory() });
  const client = connectTo(server.port);
  for (let index = 0; index < 100; index++) await client.set(`key:${index}`, "value");
  // That of the thread that serves: how often it gave up the processor to wait.
  const waits = (): number => {
    const status = readFileSync(`/proc/${server.pid}/task/${server.pid}/status`, "utf8");
    return Number(/^voluntary_ctxt_switches:\s+(\d+)$/mu.exec(status)?.[1]);
  };
  const waitsOfHalfASecond = async (): Promise<number> => {
    const before = waits();
    await new Promise((resolve) => setTimeout(resolve, 500));
    return waits() - before;
  };
  await expect.poll(waitsOfHalfASecond, { timeout: 20_000 }).toBeLessThan(15);
  expect((await server.stop()).code).toBe(0);
});
