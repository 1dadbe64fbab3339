import { expect, test } from "vitest";
import { checkRecorded } from "../../history/recorded-check.ts";
import { openEngine } from "../../transactions/open-engine.ts";
import { defaultSimulationOptions, SimulatedWorld } from "../simulated-world.ts";
import { hermitageCases } from "./hermitage-cases.ts";
import { playSchedule } from "./hermitage.ts";
import { Recorder } from "./recorder.ts";
import { RecordingStore } from "./recording-store.ts";
import { RunRecord } from "./run-record.ts";

const MB = 1 << 20;
/** After so long nothing goes on any more without another line. */
const QUIET_MS = 20;

for (const { name, anomaly, schedule } of hermitageCases) {
  test(`${name}: it does not happen that ${anomaly}`, async () => {
    const simulation = new SimulatedWorld({ ...defaultSimulationOptions, seed: 1, drain });
    const { world } = simulation.node("a");
    const record = new RunRecord();
    const transcript = await simulation.run(async () => {
      const engine = await openEngine(world, "/data", {
        program: "test",
        store: { cacheBytes: 4 * MB, logBytes: 4 * MB, pagesBytes: MB },
      });
      const store = new RecordingStore(new Recorder(engine, record, () => undefined));
      const lines = await playSchedule(store, schedule, async () => {
        await new Promise<void>((resolve) => world.clock.after(QUIET_MS, resolve));
      });
      expect(engine.locks.holderCount).toBe(0);
      await engine.close();
      return lines;
    });
    expect(checkRecorded(record.finished())).toEqual({ kind: "valid" });
    const text = `# ${name}: it does not happen that ${anomaly}.\n${transcript.join("\n")}\n`;
    const file = `testdata/hermitage/${name.toLowerCase().replaceAll(" ", "-")}.txt`;
    await expect(text).toMatchFileSnapshot(file);
  });
}

async function drain(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
