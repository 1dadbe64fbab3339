/**
 * What the campaigns over arrays do to a small one: every kind of write there is, of whole rows and
 * of parts, over one another and side by side, durable at once or by a sync, with trims between.
 */

import { SeededRandom } from "../../src/base/random.ts";
import { choices, type RunStep } from "../../src/raid/crash-run.suite.ts";
import { Geometry } from "../../src/raid/geometry.ts";
import { shapeName, type SmallShape, smallShapes } from "../../src/raid/test-array.suite.ts";

/** Levels 1, 4, 5 and 6, each with the least members and with more. */
export const redundantShapes: readonly SmallShape[] = smallShapes.filter(({ level }) => level > 0);

export function geometryOf(shape: SmallShape): Geometry {
  return new Geometry({ ...shape, layout: "left-symmetric" });
}

/** All members that may be lost at once, the choice of none among them. */
export function lossesOf(shape: SmallShape): readonly (readonly number[])[] {
  return choices(shape.memberCount, geometryOf(shape).lossesMax);
}

/** Some whole stripes, so that all kinds of writes can be drawn; four of the longest. */
export function sizeOf(shape: SmallShape): number {
  return Math.max(2048, 4 * geometryOf(shape).stripeBytes);
}

/** Steps of all kinds, in turn and then as they are drawn. */
export function drawWrites(seed: number, count: number, shape: SmallShape): readonly RunStep[] {
  const random = new SeededRandom(seed).stream(shapeName(shape));
  return Array.from({ length: count }, (_, index) => drawStep(random, index + 1, shape));
}

function drawStep(random: SeededRandom, value: number, shape: SmallShape): RunStep {
  const kind = random.below(100);
  if (kind < 8) return { kind: "sync" };
  if (kind < 18) return { kind: "trim", ...drawRange(random, shape) };
  if (kind < 28) return { kind: "other", run: async ({ array }) => await array.checkpoint() };
  if (kind < 45) return drawTogether(random, value, shape);
  return { kind: "write", ...drawRange(random, shape), value, isDurable: random.chance(60) };
}

/** A whole stripe, a whole row, blocks, a part of one, or anything. */
function drawRange(
  random: SeededRandom,
  shape: SmallShape,
): { readonly at: number; readonly length: number } {
  const { blockBytes, stripeBytes } = geometryOf(shape);
  const sizeBytes = sizeOf(shape);
  const unit = [stripeBytes, blockBytes, 1][random.below(3)] ?? 1;
  const at = random.below(Math.floor(sizeBytes / unit)) * unit;
  const most = unit === 1 ? 3 * blockBytes : random.chance(70) ? 2 * unit : sizeBytes;
  const units = 1 + random.below(Math.max(1, Math.floor(Math.min(most, sizeBytes - at) / unit)));
  return { at, length: units * unit };
}

/** Writes of the same rows at once, no two of the same block; at times with a sync beside them. */
function drawTogether(random: SeededRandom, value: number, shape: SmallShape): RunStep {
  const { blockBytes, dataCount, chunkBlocks } = geometryOf(shape);
  const blocks = sizeOf(shape) / blockBytes;
  const first = random.below(blocks);
  const count = Math.min(blocks - first, dataCount * chunkBlocks + random.below(3));
  const steps: RunStep[] = [];
  for (let index = 0; index < count; index++) {
    if (random.chance(40)) continue;
    const at = (first + index) * blockBytes;
    const length = random.chance(70) ? blockBytes : 1 + random.below(blockBytes);
    const isDurable = random.chance(50);
    if (random.chance(10)) steps.push({ kind: "trim", at, length });
    else steps.push({ kind: "write", at, length, value: value + index, isDurable });
  }
  if (random.chance(50)) steps.push({ kind: "sync" });
  return { kind: "together", steps };
}

/** How many operations of a volume the steps are. */
export function operationsOf(steps: readonly RunStep[]): number {
  return steps.reduce(
    (sum, step) => sum + (step.kind === "together" ? operationsOf(step.steps) : 1),
    0,
  );
}
