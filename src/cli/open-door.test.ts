import { connect } from "node:net";
import { expect, test } from "vitest";
import { hostWorld } from "../host/world.ts";
import { MemoryStore } from "../redis/memory-store.suite.ts";
import { openDoor } from "./open-door.ts";
import { gatherSettings } from "./settings.ts";
import { settingsTable } from "./settings-table.ts";

const MEBIBYTE = 1024 * 1024;

/** What the door answers to bytes until it hangs up, if the flags are given. */
async function hearUntilClosed(
  flags: Readonly<Record<string, string>>,
  request: string | Uint8Array,
  password?: string,
): Promise<string> {
  const given = { flags: { port: "0", ...flags }, environment: {}, configFile: undefined };
  const { values } = await gatherSettings(settingsTable, given);
  const door = await openDoor(hostWorld(), new MemoryStore(), values, password);
  try {
    const socket = connect({ host: "127.0.0.1", port: door.port });
    let heard = "";
    socket.on("data", (chunk: Buffer) => (heard += chunk.toString("latin1")));
    socket.on("error", () => undefined);
    socket.write(request);
    await new Promise((resolve) => socket.once("close", resolve));
    return heard;
  } finally {
    await door.close(0);
  }
}

test("a request that takes too long to arrive ends the connection", async () => {
  expect(await hearUntilClosed({ "request-timeout": "1" }, "*2\r\n$3\r\nGET\r\n$1")).toBe("");
});

test("who does not give the password in time is let go", async () => {
  const heard = await hearUntilClosed({ "auth-timeout": "1" }, "GET a\r\n", "secret");
  expect(heard).toContain("-NOAUTH");
});

test("a request longer than the setting ends the connection", async () => {
  const value = "x".repeat(MEBIBYTE);
  const heard = await hearUntilClosed(
    { "request-bytes-max": "1M", "request-timeout": "3600" },
    `*3\r\n$3\r\nSET\r\n$1\r\na\r\n$${2 * MEBIBYTE}\r\n${value}`,
  );
  expect(heard).toBe("");
});

test("the longest wait for a lock is what the flag says", async () => {
  const request = "CONFIG GET lock-timeout-ms\r\nQUIT\r\n";
  const heard = await hearUntilClosed({ "lock-timeout-ms": "1234" }, request);
  expect(heard).toContain("\r\n$4\r\n1234\r\n");
});
