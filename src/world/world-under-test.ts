/** What the suites of this folder are run on. */

import type { World } from "./world.ts";

export interface WorldUnderTest {
  readonly world: World;
  /** An empty directory. */
  readonly directory: string;
}

/** Runs the body in a fresh world, and drives that world if it must be driven. */
export type RunInWorld = (body: (under: WorldUnderTest) => Promise<void>) => Promise<void>;
