/**
 * What the kernels differ in: the loops over the bytes of blocks. Everything else is the algebra
 * of rows and the same for all (`row-kernel.ts`). Lengths and positions are as in `kernel.ts`, and
 * have been checked. A target may be among the sources where that is said.
 */

export interface BlockArithmetic {
  /** `target` becomes the sum of the sources, holes left out; it may be among them. */
  sum(target: number, sources: readonly number[], length: number): void;

  /** `q` becomes the sum of 2^i times source i, and `p` that of the sources unless it is a hole. */
  weightedSum(p: number, q: number, sources: readonly number[], length: number): void;

  /** `target` becomes `coefficient * source`; it may be the source. */
  multiply(target: number, source: number, coefficient: number, length: number): void;

  /** Adds `coefficient * source` to `target`. */
  addMultiple(target: number, source: number, coefficient: number, length: number): void;
}
