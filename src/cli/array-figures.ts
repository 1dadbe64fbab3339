/** What of an array can be measured while a node has it. */

import type { DiskArray, DiskArrayStatus } from "../arrays/disk-array.ts";
import type { RaidCounters } from "../raid/superblock.ts";
import type { Figure } from "./node-health.ts";

type Reading = readonly [string, string, (status: DiskArrayStatus) => number];

const gauges: readonly Reading[] = [
  ["holdfast_raid_level", "RAID level of the array", ({ level }) => level],
  [
    "holdfast_raid_degraded",
    "1 while members of the array are missing or not whole, 0 otherwise",
    ({ health }) => (health === "whole" ? 0 : 1),
  ],
  ["holdfast_raid_failed", "1 if the array failed", ({ health }) => (health === "failed" ? 1 : 0)],
  [
    "holdfast_raid_members",
    "members that the array has when whole",
    ({ members }) => members.length,
  ],
  [
    "holdfast_raid_members_whole",
    "members that hold all that they should",
    ({ members }) => members.filter(({ state }) => state === "active").length,
  ],
  [
    "holdfast_raid_member_read_errors_max",
    "blocks that one member would not read lately, of the one with most; halves every hour",
    ({ members }) => Math.max(...members.map(({ readErrors }) => readErrors)),
  ],
  ["holdfast_raid_spares", "disks that wait for a failure", ({ spares }) => spares.length],
  ["holdfast_raid_size_bytes", "size of the array", ({ sizeBytes }) => sizeBytes],
  ["holdfast_raid_journal_size_bytes", "size of its journal", ({ journalBytes }) => journalBytes],
  [
    "holdfast_raid_journal_used_bytes",
    "journal that is not yet in place",
    ({ journalUsedBytes }) => journalUsedBytes ?? 0,
  ],
  [
    "holdfast_raid_job_done_ratio",
    "share of the work in the background that is done; 1 if there is none",
    ({ job }) => (job === undefined || job.totalBytes === 0 ? 1 : job.doneBytes / job.totalBytes),
  ],
];

const counters: readonly (readonly [string, keyof RaidCounters, string])[] = [
  ["holdfast_raid_members_failed_total", "membersFailed", "members that failed"],
  ["holdfast_raid_blocks_repaired_total", "blocksRepaired", "blocks that were wrong and put right"],
  [
    "holdfast_raid_blocks_lost_total",
    "blocksLost",
    "blocks that a rebuild or growth could not put right",
  ],
  ["holdfast_raid_repairs_total", "repairs", "members that were rebuilt"],
  ["holdfast_raid_repair_seconds_total", "repairSeconds", "time without full redundancy"],
  ["holdfast_raid_scrubs_total", "scrubs", "scrubs that came to their end"],
  ["holdfast_raid_member_seconds_total", "memberSeconds", "time of all members together"],
  ["holdfast_raid_read_bytes_total", "readBytes", "bytes read from members"],
  ["holdfast_raid_read_errors_total", "readErrors", "reads that members refused"],
];

export function arrayFigures(array: DiskArray): readonly Figure[] {
  return [
    ...gauges.map(([name, help, read]): Figure => {
      return { name, help, kind: "gauge", read: () => read(array.status()) };
    }),
    ...counters.map(([name, counter, help]): Figure => {
      return { name, help, kind: "counter", read: () => array.status().counters[counter] };
    }),
  ];
}
