import { testClock } from "../world/clock.suite.ts";
import { testFiles } from "../world/files.suite.ts";
import { testNetwork } from "../world/network.suite.ts";
import type { WorldUnderTest } from "../world/world-under-test.ts";
import { defaultSimulationOptions, SimulatedWorld } from "./simulated-world.ts";

for (const seed of [1, 2, 3]) {
  const run = async (body: (under: WorldUnderTest) => Promise<void>): Promise<void> => {
    const simulation = makeSimulation(seed);
    const { world } = simulation.node("a");
    await simulation.run(async () => {
      await world.files.makeDirectory("/data");
      await body({ world, directory: "/data" });
    });
  };
  testFiles(`simulation, seed ${seed}`, run);
  testNetwork(`simulation, seed ${seed}`, run);
  testClock(`simulation, seed ${seed}`, run);
}

function makeSimulation(seed: number): SimulatedWorld {
  return new SimulatedWorld({ ...defaultSimulationOptions, seed, drain });
}

async function drain(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
