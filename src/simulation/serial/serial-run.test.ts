import { expect, test } from "vitest";
import { runSerial } from "./serial-run.ts";
import { EXPECTED_SIGHTS, type Sight } from "./sights.ts";

/** In order, so that a set that was chosen shows the same every time. */
const SEEDS: readonly number[] = Array.from({ length: 24 }, (_, index) => index + 1);
const SEEDS_TWICE: readonly number[] = [3, 11];

test("random runs are serializable, and nothing acknowledged is lost", async () => {
  const sights = new Set<Sight>();
  for (const seed of SEEDS) {
    const report = await runSerial({ seed, drain });
    expect(report.violations, again(seed)).toEqual([]);
    for (const sight of report.sights) sights.add(sight);
  }
  expect(EXPECTED_SIGHTS.filter((sight) => !sights.has(sight))).toEqual([]);
});

test("the same seed gives the same run", async () => {
  for (const seed of SEEDS_TWICE) {
    const first = await runSerial({ seed, drain });
    const second = await runSerial({ seed, drain });
    expect(second, again(seed)).toEqual(first);
  }
});

function again(seed: number): string {
  return `holdfast sim --seed ${seed}`;
}

async function drain(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
