/** Chooses the fastest kernel that the platform can run. */

import type { ParityKernel } from "./kernel.ts";
import { plainParityKernel } from "./plain-kernel.ts";

/**
 * A kernel with an arena of `arenaBytes`, a multiple of 64 KiB; the first 16 KiB are the kernel's
 * own.
 */
export function bestParityKernel(arenaBytes: number): ParityKernel {
  return plainParityKernel(arenaBytes);
}
