/** The limits of the HTTP door, met by clients that pass them on real sockets. */

import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { defaultHttpLimits, HttpDoor, type HttpLimits } from "./http-door.ts";
import { Metrics } from "./metrics.ts";
import { localDoor, nodeStatus } from "./http-door.suite.ts";

const REQUEST = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
/** So long that a test which waited for it would time out. */
const NEVER_MS = 3_600_000;
const SOON_MS = 50;
/** Only the limit that a test is about can end a connection. */
const patient: HttpLimits = {
  ...defaultHttpLimits,
  headersTimeoutMs: NEVER_MS,
  requestTimeoutMs: NEVER_MS,
  keepAliveTimeoutMs: NEVER_MS,
  silenceTimeoutMs: NEVER_MS,
  checkIntervalMs: 10,
};

test("who sends nothing is dropped", async () => {
  const client = await clientOf({ headersTimeoutMs: SOON_MS });
  expect(await client.ended).toMatch(/^(HTTP\/1\.1 408 .*)?$/su);
});

test("who sends headers drop by drop is dropped", async () => {
  const client = await clientOf({ headersTimeoutMs: SOON_MS });
  client.send("GET /livez HTTP/1.1\r\n");
  const drops = setInterval(() => client.send("X-Drop: 1\r\n"), 5);
  expect(await client.ended).toMatch(/^HTTP\/1\.1 408 /u);
  clearInterval(drops);
});

test("who sends a body drop by drop is dropped", async () => {
  const client = await clientOf({ headersTimeoutMs: SOON_MS, requestTimeoutMs: SOON_MS });
  client.send("GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n");
  const drops = setInterval(() => client.send("x"), 5);
  expect(await client.ended).toMatch(/^HTTP\/1\.1 /u);
  clearInterval(drops);
});

test("who keeps a connection without a request is dropped", async () => {
  const client = await clientOf({ keepAliveTimeoutMs: SOON_MS });
  client.send(REQUEST);
  expect(await client.ended).toMatch(/^HTTP\/1\.1 200 .*ok\n$/su);
});

test("who does not read is dropped", async () => {
  const door = await openDoor({ silenceTimeoutMs: SOON_MS });
  const socket = await connectTo(door);
  socket.pause();
  // Nobody reads, so that whatever is to be told is told to the writer alone.
  const gone = new Promise<void>((resolve) => {
    socket.on("error", () => resolve());
    socket.on("close", () => resolve());
  });
  const requests = REQUEST.repeat(100);
  const writer = setInterval(() => socket.write(requests), 1);
  await gone;
  clearInterval(writer);
});

test("headers that are too long get a 431", async () => {
  const client = await clientOf({});
  client.send(`GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Long: ${"x".repeat(20_000)}\r\n\r\n`);
  expect(await client.ended).toMatch(/^HTTP\/1\.1 431 /u);
});

test("what is no HTTP gets a 400", async () => {
  const client = await clientOf({});
  client.send("*1\r\n$4\r\nPING\r\n");
  expect(await client.ended).toMatch(/^HTTP\/1\.1 400 /u);
});

test("one connection too many is closed, and the others are served", async () => {
  const door = await openDoor({ connectionCountMax: 2 });
  const first = new Client(await connectTo(door));
  const second = new Client(await connectTo(door));
  for (const client of [first, second]) {
    client.send(REQUEST);
    expect(await client.answered).toMatch(/^HTTP\/1\.1 200 /u);
  }
  const third = new Client(await connectTo(door));
  expect(await third.ended).toBe("");

  first.close();
  await first.ended;
  await expect
    .poll(async () => {
      const next = new Client(await connectTo(door));
      next.send(REQUEST);
      return await Promise.race([next.answered, next.ended]);
    })
    .toMatch(/^HTTP\/1\.1 200 /u);
});

class Client {
  /** What came until the connection was closed. */
  readonly ended: Promise<string>;
  /** What came first. */
  readonly answered: Promise<string>;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    let text = "";
    this.answered = new Promise((resolve) => {
      socket.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        resolve(text);
      });
    });
    this.ended = new Promise((resolve) => socket.on("close", () => resolve(text)));
    // To write to what the other side has closed is an error, which is not the matter here.
    socket.on("error", () => undefined);
  }

  send(text: string): void {
    if (this.#socket.writable) this.#socket.write(text);
  }

  close(): void {
    this.#socket.end();
  }
}

async function clientOf(limits: Partial<HttpLimits>): Promise<Client> {
  return new Client(await connectTo(await openDoor(limits)));
}

async function openDoor(limits: Partial<HttpLimits>): Promise<HttpDoor> {
  const all = { ...patient, ...limits };
  const door = await HttpDoor.open(localDoor, () => nodeStatus("ready"), new Metrics(), all);
  onTestFinished(async () => await door.close());
  return door;
}

async function connectTo(door: HttpDoor): Promise<Socket> {
  const socket = connect(door.port, "127.0.0.1");
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, "connect");
  return socket;
}
