/** What happens to an array, for the log of the server that has it. */

import type { Logger } from "pino";
import type { ArrayListener } from "../arrays/array-events.ts";
import type { DiskArrayStatus } from "../arrays/disk-array.ts";
import { returnCommands } from "./return-command.ts";

type Level = "info" | "warn" | "error";

const told: Readonly<Record<string, readonly [Level, string]>> = {
  "raid.made": ["info", "making a new array of the disks"],
  "raid.member-out": ["warn", "a file is no part of the array now"],
  "raid.member-missing": ["warn", "a member of the array is missing, and it goes on without it"],
  "raid.member-failed": ["warn", "a member of the array failed, and it goes on without it"],
  "raid.failed": ["error", "the array failed: more members are gone than it can do without"],
  "raid.background-stopped": ["error", "work in the background of the array stopped"],
  "raid.job-began": ["info", "the array began work in the background"],
  "raid.job-ended": ["info", "the array ended work in the background"],
  "raid.read-failed": ["warn", "a member of the array could not read"],
  "raid.block-repaired": ["warn", "a block was wrong on a member of the array, and is right again"],
  "raid.block-lost": ["error", "a block of the array is lost: more of it is wrong than can be"],
  "raid.parity-repaired": ["warn", "parity of the array was wrong, and is right again"],
  "raid.table-repaired": ["warn", "checksums on a member were wrong, and are right again"],
  "raid.table-lost": ["error", "checksums of the array are lost"],
};

export function logArray(logger: Logger): ArrayListener {
  return (name, fields) => {
    const words = told[name];
    if (words !== undefined) logger[words[0]](fields, words[1]);
  };
}

/** Says at the start what is amiss. */
export function logHealth(logger: Logger, status: DiskArrayStatus): void {
  const { health, level, absent, members } = status;
  if (health === "whole") return;
  const missing = members.filter(({ state }) => state === "missing").map(({ role }) => role);
  const next = [...returnCommands(status).values()];
  const fields = { health, raid: level, roles: missing, absent, next };
  const words =
    next.length === 0 ? "see `holdfast raid status`, and add a disk" : `type ${next.join("; ")}`;
  logger.warn(fields, `the array is degraded: ${words}`);
}
