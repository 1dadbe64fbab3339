/** What is measured side by side: a plain volume, and an array of each level. */

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { RaidArray } from "../../src/raid/array.ts";
import type { RaidLevel } from "../../src/raid/geometry.ts";
import type { Volume } from "../../src/volume/volume.ts";
import type { World } from "../../src/world/world.ts";
import { raidModules, volumeModule } from "./modules.ts";

export interface Layout {
  readonly name: string;
  /** Undefined for the plain volume. */
  readonly level: RaidLevel | undefined;
  readonly memberCount: number;
  /** How many members hold what is written once. */
  readonly dataCount: number;
}

export const PLAIN = "plain";

export const layouts: readonly Layout[] = [
  { name: PLAIN, level: undefined, memberCount: 1, dataCount: 1 },
  { name: "RAID 0 of 4", level: 0, memberCount: 4, dataCount: 4 },
  { name: "RAID 1 of 2", level: 1, memberCount: 2, dataCount: 1 },
  { name: "RAID 4 of 4", level: 4, memberCount: 4, dataCount: 3 },
  { name: "RAID 5 of 4", level: 5, memberCount: 4, dataCount: 3 },
  { name: "RAID 6 of 5", level: 6, memberCount: 5, dataCount: 3 },
];

export function layoutNamed(name: string | undefined): Layout {
  const found = layouts.find((layout) => layout.name === name);
  if (found === undefined) throw new Error(`there is no layout "${name}"`);
  return found;
}

export function arraysOf(levels: readonly number[]): readonly Layout[] {
  return layouts.filter(({ level }) => level !== undefined && levels.includes(level));
}

const MEBIBYTE = 1 << 20;

/** Makes a volume of at least `bytes`, of files in the directory. */
export async function createLayout(
  world: World,
  layout: Layout,
  directory: string,
  bytes: number,
): Promise<Volume | RaidArray> {
  const { createFileVolume } = await volumeModule();
  if (layout.level === undefined) return await createFileVolume(world.files, plainPath(), bytes);

  const { createArray, defaultCreateOptions } = await raidModules();
  const memberBytes = memberBytesFor(layout, bytes, defaultCreateOptions.journalBytes);
  const members: Volume[] = [];
  for (const path of memberPaths(layout, directory)) {
    members.push(await createFileVolume(world.files, path, memberBytes));
  }
  return await createArray(world, members, { ...defaultCreateOptions, level: layout.level });

  function plainPath(): string {
    return join(directory, PLAIN);
  }
}

/** Opens the array again without its first member. */
export async function assembleDegraded(
  world: World,
  layout: Layout,
  directory: string,
): Promise<RaidArray> {
  const { openFileVolume } = await volumeModule();
  const { assembleArray, defaultAssembleOptions } = await raidModules();
  const members: Volume[] = [];
  for (const path of memberPaths(layout, directory).slice(1)) {
    members.push(await openFileVolume(world.files, path));
  }
  // Nobody has written to the missing one alone, which the array could not know.
  return await assembleArray(world, members, { ...defaultAssembleOptions, force: true });
}

/** A new volume that may take the place of a member, of those in the directory. */
export async function createSpare(world: World, directory: string): Promise<Volume> {
  const { createFileVolume, openFileVolume } = await volumeModule();
  const { sizeBytes } = await openFileVolume(world.files, join(directory, memberName(1)));
  return await createFileVolume(world.files, join(directory, "spare"), sizeBytes);
}

/** Has the operating system forget what it keeps of the files, so that reads come from the disk. */
export function dropCaches(directory: string): void {
  for (const name of readdirSync(directory)) {
    // Telling it so takes no rights, but Node has no call for it.
    spawnSync("dd", [`if=${join(directory, name)}`, "iflag=nocache", "count=0", "status=none"]);
  }
}

function memberPaths({ memberCount }: Layout, directory: string): readonly string[] {
  return Array.from({ length: memberCount }, (_, role) => join(directory, memberName(role)));
}

function memberName(role: number): string {
  return `member-${role}`;
}

/** Besides its share of the data: the journal, and something for checksums and superblocks. */
function memberBytesFor({ dataCount }: Layout, bytes: number, journalBytes: number): number {
  const share = Math.ceil((bytes * 1.02) / dataCount);
  return Math.ceil((share + journalBytes) / MEBIBYTE + 8) * MEBIBYTE;
}
