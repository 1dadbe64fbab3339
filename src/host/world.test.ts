import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testClock } from "../world/clock.suite.ts";
import { testFiles } from "../world/files.suite.ts";
import { testNetwork } from "../world/network.suite.ts";
import type { WorldUnderTest } from "../world/world-under-test.ts";
import { hostWorld } from "./world.ts";

testFiles("host", runOnHost);
testNetwork("host", runOnHost);
testClock("host", runOnHost);

async function runOnHost(body: (under: WorldUnderTest) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-host-"));
  try {
    await body({ world: hostWorld(), directory });
  } finally {
    await rm(directory, { recursive: true });
  }
}
