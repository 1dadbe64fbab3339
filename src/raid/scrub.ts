/** The scrub as work in the background. */

import type { ArrayParts } from "./array-parts.ts";
import { type Job, RowJob } from "./job.ts";
import { ProgressMeter } from "./progress.ts";
import { Scrubber } from "./scrubber.ts";

export function scrubJob(parts: ArrayParts): Job {
  const { checkpointer, core, members } = parts;
  const { blockBytes } = core.layout;
  const firstRow = members.record.scrubRow ?? 0;
  const total = members.record.rows * blockBytes;
  const { clock } = core.world;
  const meter = new ProgressMeter("scrub", undefined, clock, firstRow * blockBytes, total);
  const scrubber = new Scrubber(parts);
  return new RowJob(parts, {
    meter,
    firstRow,
    isWanted: () => members.record.scrubRow !== undefined,
    work: async (row, end) => {
      await scrubber.scrub(row, end);
    },
    save: async (row) => {
      members.change((record) => ({ ...record, scrubRow: row }));
      await members.save();
    },
    end: async () => {
      // What was found wrong in the tables is written by it.
      members.count("scrubs");
      await checkpointer.run((record) => ({ ...record, scrubRow: undefined }));
      return scrubber.report;
    },
  });
}
