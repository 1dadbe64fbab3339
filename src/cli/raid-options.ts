/** What the command line says of a new array, checked. */

import { type RaidLayout, raidLayouts, type RaidLevel } from "../raid/geometry.ts";
import type { CreateOptions } from "../raid/options.ts";
import { UsageError } from "./command-io.ts";
import { parseSize } from "./settings-table.ts";
import { didYouMean } from "../base/suggest.ts";

export interface CreateFlags {
  readonly level: string;
  readonly size?: string;
  readonly chunk?: string;
  readonly layout?: string;
  readonly journal?: string;
  readonly spare?: readonly string[];
  readonly force?: boolean;
}

/** The words of mdadm, and their numbers. */
const levels: ReadonlyMap<string, RaidLevel> = new Map<string, RaidLevel>([
  ...([0, 1, 4, 5, 6] as const).flatMap((level): readonly [string, RaidLevel][] => [
    [String(level), level],
    [`raid${level}`, level],
  ]),
  ["stripe", 0],
  ["mirror", 1],
]);

export const levelWords = "0, 1, 4, 5 or 6";

export function parseLevel(given: string): RaidLevel {
  const level = levels.get(given.toLowerCase());
  if (level !== undefined) return level;
  const words = [...levels.keys()].filter((word) => 1 < word.length);
  const meant = didYouMean(given, words);
  throw new UsageError(`there is no RAID level "${given}"${meant}: give ${levelWords}`);
}

export type NewArrayWishes = Pick<CreateOptions, "level"> &
  Partial<Pick<CreateOptions, "sizeBytes" | "chunkBytes" | "layout" | "journalBytes">>;

export function wishesOf({ level, size, chunk, layout, journal }: CreateFlags): NewArrayWishes {
  return {
    level: parseLevel(level),
    ...(size === undefined ? {} : { sizeBytes: bytesOf("--size", size) }),
    ...(chunk === undefined ? {} : { chunkBytes: bytesOf("--chunk", chunk) }),
    ...(journal === undefined ? {} : { journalBytes: bytesOf("--journal", journal) }),
    ...(layout === undefined ? {} : { layout: parseLayout(layout) }),
  };
}

export function bytesOf(flag: string, given: string): number {
  const bytes = parseSize(given);
  if (Number.isSafeInteger(bytes) && 0 < bytes) return bytes;
  throw new UsageError(`${flag} takes a size such as 64K, 256M or 1G, not "${given}"`);
}

function parseLayout(given: string): RaidLayout {
  const found = raidLayouts.find((layout) => layout === given);
  if (found !== undefined) return found;
  const meant = didYouMean(given, raidLayouts);
  throw new UsageError(
    `there is no layout "${given}"${meant}: give one of ${raidLayouts.join(", ")}`,
  );
}
