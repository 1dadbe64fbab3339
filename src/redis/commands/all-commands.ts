/** Every command that the door knows. */

import type { CommandSpec } from "../command.ts";
import { connectionCommands } from "./connection.ts";
import { stringCommands } from "./strings.ts";
import { transactionCommands } from "./transactions.ts";

export const allCommands: readonly CommandSpec[] = [
  ...stringCommands,
  ...connectionCommands,
  ...transactionCommands,
];
