/** Measures the kernels: `measure-kernels.ts SECONDS`, so long for each work and kernel. */

import { printFigures } from "../in-process.ts";
import { OURS } from "../report.ts";
import type { ParityKernel } from "../../src/raid/parity/kernel.ts";
import { MEMCPY, PLAIN_CODE } from "./kernel-part.ts";
import { type CopiedRow, type KernelWork, kernelWorks } from "./kernel-works.ts";
import { kernelModules } from "./modules.ts";

const ARENA_BYTES = 256 * 1024 * 1024;
const DATA_COUNT = 3;
const MEGABYTE = 1_000_000;
const MICROSECONDS = 1_000_000;

const seconds = Number(process.argv[2]);
const { plainParityKernel, vectorParityKernel } = await kernelModules();
const vector = vectorParityKernel(ARENA_BYTES);
const plain = plainParityKernel(ARENA_BYTES);

const figures: Record<string, number> = {};
for (const work of kernelWorks) {
  const columns: readonly [string, ParityKernel, KernelWork["run"]][] = [
    [MEMCPY, vector, copyData],
    [OURS, vector, work.run],
    [PLAIN_CODE, plain, work.run],
  ];
  for (const [column, kernel, run] of columns) {
    figures[`${work.name} by ${column}`] = measure(kernel, { ...work, run });
  }
}
printFigures(figures);

/** Megabytes of data a second of processor time. */
function measure(kernel: ParityKernel, { blockBytes, rowCount, run }: KernelWork): number {
  const rows = Array.from({ length: rowCount }, () => makeRow(kernel, blockBytes));
  const pass = (): void => {
    for (const row of rows) run(kernel, row, blockBytes);
  };
  const passBytes = rowCount * blockBytes * DATA_COUNT;
  // Long enough for the engine to compile what will be run.
  cpuSecondsOf(pass, seconds / 2);
  const { passes, cpuSeconds } = cpuSecondsOf(pass, seconds);
  for (const { data, p, q, copies } of rows) {
    for (const at of [...data, p, q, ...copies]) kernel.arena.release(at);
  }
  return (passes * passBytes) / MEGABYTE / cpuSeconds;
}

function cpuSecondsOf(
  pass: () => void,
  secondsMin: number,
): { readonly passes: number; readonly cpuSeconds: number } {
  const before = process.cpuUsage();
  for (let passes = 0; ;) {
    for (let time = 0; time < 10; time++) pass();
    passes += 10;
    const { user, system } = process.cpuUsage(before);
    const cpuSeconds = (user + system) / MICROSECONDS;
    if (secondsMin <= cpuSeconds) return { passes, cpuSeconds };
  }
}

function makeRow({ arena }: ParityKernel, blockBytes: number): CopiedRow {
  const places = Array.from({ length: 2 * DATA_COUNT + 2 }, (_, role) => {
    const at = arena.allocate(blockBytes);
    if (at === undefined) throw new Error("the arena is too small for the measurement");
    arena.view(at, blockBytes).fill(role + 1);
    return at;
  });
  const [p = 0, q = 0, ...copies] = places.slice(DATA_COUNT);
  return { data: places.slice(0, DATA_COUNT), p, q, copies };
}

function copyData({ arena: { bytes } }: ParityKernel, row: CopiedRow, length: number): void {
  for (const [role, at] of row.data.entries()) {
    bytes.copyWithin(row.copies[role] ?? 0, at, at + length);
  }
}
