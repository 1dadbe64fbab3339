import { expect, test } from "vitest";
import { batchNumber, generation } from "../base/ids.ts";
import {
  currentGeneration,
  forgetGenerations,
  GENERATION_COUNT_MAX,
  generationOf,
  type GenerationStart,
  raiseGeneration,
} from "./generations.ts";

const first: readonly GenerationStart[] = [start(1, 1)];

function start(number: number, firstBatch: number): GenerationStart {
  return { generation: generation(number), firstBatch: batchNumber(firstBatch) };
}

test("a batch is of the last generation that began at or before it", () => {
  const starts = [start(2, 10), start(5, 20)];
  const wanted = [10, 19, 20, 99].map((batch) => generationOf(starts, batchNumber(batch)));
  expect(wanted).toEqual([2, 2, 5, 5]);
});

test("a generation that wrote nothing leaves no trace, and its number is not used again", () => {
  const raised = raiseGeneration(first, batchNumber(4));
  const again = raiseGeneration(raised, batchNumber(4));
  expect(again).toEqual([start(1, 1), start(3, 4)]);
  expect(raiseGeneration(again, batchNumber(6))).toEqual([start(1, 1), start(3, 4), start(4, 6)]);
});

test("what lies before the anchor is forgotten", () => {
  const starts = [start(1, 1), start(3, 4), start(4, 6)];
  expect(forgetGenerations(starts, batchNumber(3))).toEqual(starts);
  expect(forgetGenerations(starts, batchNumber(4))).toEqual(starts.slice(1));
  expect(forgetGenerations(starts, batchNumber(60))).toEqual(starts.slice(2));
  expect(currentGeneration(forgetGenerations(starts, batchNumber(60)))).toEqual(start(4, 6));
});

test("a full table is seen by its length, before it is written", () => {
  let starts = first;
  for (let count = 1; count < GENERATION_COUNT_MAX; count++) {
    starts = raiseGeneration(starts, batchNumber(count * 2));
  }
  expect(starts).toHaveLength(GENERATION_COUNT_MAX);
  const raised = raiseGeneration(starts, batchNumber(1000));
  expect(raised).toHaveLength(GENERATION_COUNT_MAX + 1);
  expect(forgetGenerations(raised, batchNumber(1000))).toEqual(raised.slice(-1));
});
