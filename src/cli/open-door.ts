/** Opens the port that Redis clients connect to, and says what of it can be measured. */

import type { Logger } from "pino";
import { Fault } from "../base/fault.ts";
import type { TransactionStore } from "../transactions/step.ts";
import type { OpenedDoor } from "./node.ts";
import type { Settings } from "./settings-table.ts";

export async function openDoor(
  _store: TransactionStore,
  settings: Settings,
  _password: string | undefined,
  _logger: Logger,
): Promise<OpenedDoor> {
  const message = `this build has no Redis door yet, so port ${settings.port} stays closed`;
  return await Promise.reject(new Fault("ERR_UNAVAILABLE", message));
}
