import { expect, test } from "vitest";
import { testWorld } from "../raid/test-array.suite.ts";
import type { Connection, ConnectionHandler } from "../world/network.ts";
import { ControlDesk } from "./control-desk.ts";
import { encodeFrame, FRAME_BYTES_MAX, FrameReader } from "./control-frames.ts";
import { type ControlRequest, packRequest, readRequest } from "./control-request.ts";

/** The desk's side of a connection whose other side is this test. */
class TestConnection implements Connection {
  readonly peer = "test";
  readonly unsentBytes = 0;
  readonly answers: unknown[] = [];
  readonly #frames = new FrameReader();
  #handler: ConnectionHandler | undefined;
  state: "open" | "ended" | "destroyed" = "open";

  handle(handler: ConnectionHandler): void {
    this.#handler = handler;
  }

  write(bytes: Uint8Array): boolean {
    this.#frames.push(bytes, (message) => this.answers.push(message));
    return true;
  }

  pause(): void {}

  resume(): void {}

  end(): void {
    if (this.state === "open") this.state = "ended";
  }

  destroy(): void {
    this.state = "destroyed";
    this.#handler?.closed();
  }

  says(bytes: Uint8Array): void {
    this.#handler?.data(bytes);
  }

  hangsUp(): void {
    this.#handler?.closed();
  }
}

function connected(desk: ControlDesk): TestConnection {
  const connection = new TestConnection();
  desk.accept(connection);
  return connection;
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

const status = (id: number): Uint8Array => encodeFrame(packRequest(id, { command: "status" }));

test("requests wait for the array, and arrive in whatever pieces", async () => {
  const desk = new ControlDesk(testWorld().clock);
  const connection = connected(desk);
  const bytes = status(7);
  for (let at = 0; at < bytes.length; at++) connection.says(bytes.subarray(at, at + 1));
  await turns();
  expect(connection.answers).toEqual([]);
  desk.open({ perform: async ({ command }) => await Promise.resolve({ command }) });
  await turns();
  expect(connection.answers).toEqual([{ version: 1, id: 7, result: { command: "status" } }]);
});

test("whoever waited for an array that cannot be opened is told why", async () => {
  const desk = new ControlDesk(testWorld().clock);
  const connection = connected(desk);
  connection.says(status(1));
  desk.fail(new Error("it is broken"));
  await turns();
  expect(connection.answers).toMatchObject([{ id: 1, error: { message: "it is broken" } }]);
});

test("connections are bounded, and so are the requests of each", () => {
  const desk = new ControlDesk(testWorld().clock);
  const connections = Array.from({ length: 40 }, () => connected(desk));
  const states = connections.map(({ state }) => state);
  expect(states.filter((state) => state === "open")).toHaveLength(32);
  const [first] = connections;
  for (let id = 1; id <= 16; id++) first?.says(status(id));
  expect(first?.state).toBe("open");
  first?.says(status(17));
  expect(first?.state).toBe("ended");
});

test("a frame of any other length than is allowed ends the connection", () => {
  const connection = connected(new ControlDesk(testWorld().clock));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, FRAME_BYTES_MAX + 1, true);
  connection.says(length);
  expect(connection.state).toBe("ended");
  expect(connection.answers).toMatchObject([{ id: 0, error: { code: "ERR_FORMAT" } }]);
  const tooLong = "x".repeat(FRAME_BYTES_MAX);
  expect(() => encodeFrame(tooLong)).toThrow(/too much/u);
});

test("at the end those who do not hang up are hung up on", () => {
  const { clock } = testWorld();
  const desk = new ControlDesk(clock);
  const [polite, rude] = [connected(desk), connected(desk)];
  desk.close();
  expect([polite.state, rude.state]).toEqual(["ended", "ended"]);
  polite.hangsUp();
  clock.advance(1000);
  expect([polite.state, rude.state]).toEqual(["ended", "destroyed"]);
  expect(connected(desk).state).toBe("destroyed");
});

test.each<ControlRequest>([
  { command: "status" },
  { command: "wait" },
  { command: "remove", path: "/a" },
  { command: "fail", path: "/a", force: true },
  { command: "add", path: "/a", force: false },
  { command: "replace", path: "/a", by: "/b", force: false },
  { command: "grow-by", path: "/a", force: false },
  { command: "grow-to", sizeBytes: 4096 },
  { command: "scrub", wait: true },
])("%j is read as it was said", (request) => {
  expect(readRequest(packRequest(1, request))).toEqual(request);
});

test.each([
  {},
  { command: "destroy" },
  { command: "fail", path: "/a" },
  { command: "fail", path: "", force: true },
  { command: "add", path: 1, force: true },
  { command: "grow-to", sizeBytes: -1 },
  { command: "grow-to", sizeBytes: 1.5 },
  { command: "scrub", wait: "yes" },
])("%j is no request", (request) => {
  expect(() => readRequest({ version: 1, id: 1, request })).toThrow(/cannot be read/u);
});
