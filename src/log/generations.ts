/**
 * Generations: how often the volume was opened, and at which batch each opening began to write.
 *
 * The batches of a generation are those from its first batch up to the first batch of the next
 * one. So whatever an earlier generation wrote at or behind the first batch of a later one was cut
 * off when the later one was opened, and must not be taken for part of the log.
 */

import { must } from "../base/assert.ts";
import type { BatchNumber, Generation } from "../base/ids.ts";
import { generation } from "../base/ids.ts";

export interface GenerationStart {
  readonly generation: Generation;
  /** The number of the first batch that it may have written. */
  readonly firstBatch: BatchNumber;
}

/** As many openings fit between two checkpoints. */
export const GENERATION_COUNT_MAX = 64;

/** The generation that a batch of this number is from, if it belongs to the log. */
export function generationOf(starts: readonly GenerationStart[], batch: BatchNumber): Generation {
  const start = starts.findLast(({ firstBatch }) => firstBatch <= batch);
  return (start ?? must(starts[0], "a log has a generation")).generation;
}

export function currentGeneration(starts: readonly GenerationStart[]): GenerationStart {
  return must(starts.at(-1), "a log has a generation");
}

/**
 * The table once a new generation begins at `firstBatch`. It may be one more than there is room
 * for, and is not to be written then.
 */
export function raiseGeneration(
  starts: readonly GenerationStart[],
  firstBatch: BatchNumber,
): readonly GenerationStart[] {
  // A generation that wrote nothing that lasts leaves no trace, so that openings that fail one
  // after the other do not fill the table.
  const kept = starts.filter((start) => start.firstBatch < firstBatch);
  const raised = generation(currentGeneration(starts).generation + 1);
  return [...kept, { generation: raised, firstBatch }];
}

/** The table without the generations that have no batches at or behind `anchorBatch`. */
export function forgetGenerations(
  starts: readonly GenerationStart[],
  anchorBatch: BatchNumber,
): readonly GenerationStart[] {
  const first = starts.findLastIndex(({ firstBatch }) => firstBatch <= anchorBatch);
  return starts.slice(Math.max(first, 0));
}
