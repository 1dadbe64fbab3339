import { expect, test } from "vitest";
import { defaultSimulationOptions, SimulatedWorld } from "../simulation/simulated-world.ts";
import { openEngine } from "./open-engine.ts";

const MB = 1 << 20;
const options = {
  program: "test",
  store: { cacheBytes: 4 * MB, logBytes: 4 * MB, pagesBytes: MB },
};
const KEY = Uint8Array.of(1);

test("a new store and the directories made for it survive a loss of power", async () => {
  for (let seed = 1; seed <= 8; seed++) {
    const simulation = new SimulatedWorld({ ...defaultSimulationOptions, seed, drain });
    const machine = simulation.node("a");
    await simulation.run(async () => {
      const engine = await openEngine(machine.world, "/var/lib/holdfast/data", options);
      await engine.run((step) => step.set(KEY, KEY));
      await engine.whenSettled(engine.answerLsn);
    });
    machine.crash("power");
    const found = await simulation.run(async () => {
      const engine = await openEngine(machine.world, "/var/lib/holdfast/data", options);
      return await engine.run((step) => step.get(KEY));
    });
    expect(found, `seed ${seed}`).toEqual(KEY);
  }
});

async function drain(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
