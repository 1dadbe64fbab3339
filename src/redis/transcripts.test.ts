import { describe, expect, test } from "vitest";
import { type TestClient, TestDoor } from "./test-door.suite.ts";
import { readTranscripts, transcribe, type Transcribed } from "./transcripts.suite.ts";

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

describe.each(["redis", "holdfast"])("%s", (folder) => {
  const transcripts = readTranscripts(new URL(`testdata/${folder}/`, import.meta.url));
  test.each(transcripts)("$name", async ({ text, path }) => {
    await expect(await transcribe(text, transcribedDoor())).toMatchFileSnapshot(path);
  });
});
