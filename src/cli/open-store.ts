/** Opens the store that a node serves, and says what of it can be measured. */

import { Fault } from "../base/fault.ts";
import type { World } from "../world/world.ts";
import type { OpenedStore } from "./node.ts";
import type { Settings } from "./settings-table.ts";

export async function openStore(_world: World, settings: Settings): Promise<OpenedStore> {
  const message = `this build has no store yet, so ${settings.data} cannot be served`;
  return await Promise.reject(new Fault("ERR_UNAVAILABLE", message));
}
