/** Opens the store that a node serves, and says what of it can be measured. */

import type { Logger } from "pino";
import { Fault } from "../base/fault.ts";
import type { OpenedStore } from "./node.ts";
import type { Settings } from "./settings-table.ts";

export async function openStore(settings: Settings, _logger: Logger): Promise<OpenedStore> {
  const message = `this build has no store yet, so ${settings.data} cannot be served`;
  return await Promise.reject(new Fault("ERR_UNAVAILABLE", message));
}
