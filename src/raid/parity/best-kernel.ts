/** Chooses the fastest kernel that the platform can run. */

import { AssertionFailure } from "../../base/assert.ts";
import type { ParityKernel } from "./kernel.ts";
import { plainParityKernel } from "./plain-kernel.ts";
import { vectorParityKernel } from "./vector-kernel.ts";

/**
 * A kernel with an arena of `arenaBytes`, a multiple of 64 KiB, of which the first 64 KiB are the
 * kernel's own. Engines set address space of some gigabytes aside for each memory of WebAssembly,
 * so they allow some hundred such kernels at once; beyond that, and without vectors, it is plain.
 */
export function bestParityKernel(arenaBytes: number): ParityKernel {
  if (typeof WebAssembly === "undefined") return plainParityKernel(arenaBytes);
  try {
    return vectorParityKernel(arenaBytes);
  } catch (error) {
    if (error instanceof AssertionFailure) throw error;
    return plainParityKernel(arenaBytes);
  }
}
