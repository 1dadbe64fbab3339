/** What an array needs of the World: no files and no network, since it is made of volumes. */

import type { World } from "../world/world.ts";

export type RaidWorld = Pick<World, "clock" | "random" | "checksums" | "trace">;
