import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type TestClient, TestDoor } from "./test-door.suite.ts";
import { transcribe, type Transcribed } from "./transcripts.suite.ts";

/** Asks a door of its own. */
function transcribedDoor(): Transcribed {
  const door = new TestDoor({ version: "1.2.3" });
  const clients = new Map<string, TestClient>();
  return {
    async ask(name, request) {
      let client = clients.get(name);
      if (client === undefined) {
        client = door.connect();
        clients.set(name, client);
        if (name === "3") await client.ask("HELLO 3");
      }
      return await client.ask(request);
    },
    async pass(durationMs) {
      await door.clock.pass(durationMs);
    },
  };
}

describe.each(["redis", "holdfast"])("%s", (name) => {
  const folder = new URL(`testdata/${name}/`, import.meta.url);
  test.each(readdirSync(folder).toSorted())("%s", async (file) => {
    const { pathname } = new URL(file, folder);
    const text = readFileSync(pathname, "utf8");
    await expect(await transcribe(text, transcribedDoor())).toMatchFileSnapshot(pathname);
  });
});
