/** What the kernels are measured at. */

import type { ParityKernel, ParityRow } from "../../src/raid/parity/kernel.ts";

/** A row, and room for a copy of its data. */
export interface CopiedRow extends ParityRow {
  readonly copies: readonly number[];
}

export interface KernelWork {
  readonly name: string;
  /** Whether it is the plain parity, for which there is a target. */
  readonly isP: boolean;
  readonly blockBytes: number;
  /** How many rows it goes through. */
  readonly rowCount: number;
  readonly run: (kernel: ParityKernel, row: CopiedRow, length: number) => void;
}

const OUT_OF_CACHE = { blockBytes: 65_536, rowCount: 256 };
const IN_CACHE = { blockBytes: 16_384, rowCount: 1 };

const computeP: KernelWork["run"] = (kernel, { data, p }, length) =>
  kernel.compute({ data, p, q: 0 }, length);
const computeBoth: KernelWork["run"] = (kernel, row, length) => kernel.compute(row, length);
const reconstructOne: KernelWork["run"] = (kernel, row, length) =>
  kernel.reconstruct(row, [1], length);
const reconstructTwo: KernelWork["run"] = (kernel, row, length) =>
  kernel.reconstruct(row, [0, 2], length);

export const kernelWorks: readonly KernelWork[] = [
  { name: "P, out of cache", isP: true, ...OUT_OF_CACHE, run: computeP },
  { name: "P, in cache", isP: true, ...IN_CACHE, run: computeP },
  { name: "P and Q, out of cache", isP: false, ...OUT_OF_CACHE, run: computeBoth },
  { name: "P and Q, in cache", isP: false, ...IN_CACHE, run: computeBoth },
  { name: "one lost block, out of cache", isP: false, ...OUT_OF_CACHE, run: reconstructOne },
  { name: "two lost blocks, out of cache", isP: false, ...OUT_OF_CACHE, run: reconstructTwo },
];
