/** Every command that the door knows. */

import type { CommandSpec } from "../command.ts";
import { clientCommand } from "./client.ts";
import { commandCommand } from "./command-info.ts";
import { configCommand } from "./config.ts";
import { connectionCommands } from "./connection.ts";
import { counterCommands } from "./counters.ts";
import { databaseCommands } from "./databases.ts";
import { expiryCommands } from "./expiry.ts";
import { keyCommands } from "./keys.ts";
import { scanningCommands } from "./scanning.ts";
import { serverCommands } from "./server.ts";
import { stringCommands } from "./strings.ts";
import { transactionCommands } from "./transactions.ts";

export const allCommands: readonly CommandSpec[] = [
  ...stringCommands,
  ...counterCommands,
  ...keyCommands,
  ...expiryCommands,
  ...scanningCommands,
  ...databaseCommands,
  ...connectionCommands,
  clientCommand,
  ...transactionCommands,
  ...serverCommands,
  commandCommand,
  configCommand,
];
