/** Makes arrays of files, and assembles those that are there. */

import { Fault, messageOf } from "../base/fault.ts";
import { assembleArray, createArray, type RaidArray } from "../raid/array.ts";
import {
  type CreateOptions,
  defaultAssembleOptions,
  defaultCreateOptions,
  type RaidOptions,
} from "../raid/options.ts";
import { planArray, rowsFor } from "../raid/format-members.ts";
import { readSuperblock } from "../raid/read-superblock.ts";
import { idText } from "../raid/superblock.ts";
import type { Volume } from "../volume/volume.ts";
import type { World } from "../world/world.ts";
import { ArrayEvents, type ArrayListener } from "./array-events.ts";
import { ControlDesk } from "./control-desk.ts";
import { DiskArray, type DiskArrayParts, type OutReason } from "./disk-array.ts";
import { Disks, isFileOrMakeable, isGone, notTaken } from "./disks.ts";
import { requireRoom } from "./room.ts";
import { forgetMembership, requireUnused, sizeOfUnused } from "./unused.ts";

/** How an array of files is had open. */
export interface HoldOptions {
  /** Who has it, for the messages that others get: `holdfast serve 0.1.0`. */
  readonly program: string;
  readonly raid?: Partial<RaidOptions>;
  /** Does what is refused otherwise, and may lose what is on the files. */
  readonly force?: boolean;
  readonly onEvent?: ArrayListener;
  /** The one name that a file has, however it is given; by default what was given. */
  readonly nameOf?: (path: string) => string;
}

/** What a new array is to be. */
export interface NewDiskArray extends Partial<Omit<CreateOptions, "level">> {
  readonly level: CreateOptions["level"];
  /** The files of the members, in the order of their roles; made where they are missing. */
  readonly disks: readonly string[];
  readonly spares?: readonly string[];
}

/**
 * Assembles the array that the files make. Those that are missing or broken are left out, as far as
 * the level allows. One that this process merely may not open now is as good as it was, so that
 * nothing is assembled without it, unless it isn't named.
 */
export async function assembleDisks(
  world: World,
  given: readonly string[],
  options: HoldOptions,
): Promise<DiskArray> {
  const paths = given.map(namer(options));
  refuseTwice(paths);
  const reasons = new Map<string, OutReason>();
  return await holding(world, options, async ({ disks, events }) => {
    const unsubscribe = events.subscribe((name, { member, why, memberId }) => {
      const isAbout = name === "raid.member-out" || name === "raid.member-failed";
      const id = typeof memberId === "string" ? memberId : undefined;
      if (isAbout) reasons.set(String(member), { reason: String(why), memberId: id });
    });
    const volumes = await takeAll(disks, paths, reasons);
    const array = await assembleArray(events.within(world), volumes, {
      ...defaultAssembleOptions,
      ...options.raid,
      force: options.force ?? false,
    });
    unsubscribe();
    return (parts) => new DiskArray(parts, array, reasons);
  });
}

/** Makes an array of files that hold nothing, or with `force` of any that nobody has open. */
export async function createOnDisks(
  world: World,
  { disks, spares: givenSpares = [], ...wishes }: NewDiskArray,
  options: HoldOptions,
): Promise<DiskArray> {
  const paths = disks.map(namer(options));
  const spares = givenSpares.map(namer(options));
  refuseTwice([...paths, ...spares]);
  const chosen = { ...defaultCreateOptions, ...options.raid, ...wishes };
  await refuseUnfit(world, chosen, paths, spares, options.force ?? false);
  const made: string[] = [];
  try {
    return await holding(world, options, async ({ disks: held, events }) => {
      for (const path of [...paths, ...spares]) if (await held.make(path)) made.push(path);
      const members = await takeUnused(world, held, paths, options);
      const extra = await takeUnused(world, held, spares, options);
      const array = await createArray(events.within(world), members, chosen);
      await refuseSameFile(world, members, array);
      for (const volume of extra) await array.add(volume);
      return (parts) => new DiskArray(parts, array, new Map());
    });
  } catch (error) {
    // Files that came to be for nothing would look like members that are gone.
    for (const path of made) await world.files.remove(path);
    throw error;
  }
}

/** What is refused anyway is refused before anything is locked, which leaves a directory. */
async function refuseUnfit(
  world: World,
  options: CreateOptions,
  paths: readonly string[],
  spares: readonly string[],
  force: boolean,
): Promise<void> {
  const plan = planArray(options, paths.length);
  const sizeOf = async (path: string): Promise<number | undefined> => {
    const isThere = await isFileOrMakeable(world.files, path);
    return isThere ? await sizeOfUnused(world, path, force) : 0;
  };
  for (const path of spares) await sizeOf(path);
  const sizes = new Map<string, number>();
  for (const path of paths) {
    const size = await sizeOf(path);
    if (size !== undefined) sizes.set(path, size);
  }
  if (sizes.size === 0) return;
  const neededBytes = plan.layout.bytesFor(rowsFor(plan, [...sizes.values()], options.sizeBytes));
  const growth = new Map([...sizes].map(([path, size]) => [path, neededBytes - size]));
  await requireRoom(world.files, growth);
}

/** Lets go of whatever was taken if nothing comes of it. */
async function holding(
  world: World,
  options: HoldOptions,
  open: (
    parts: Pick<DiskArrayParts, "disks" | "events">,
  ) => Promise<(parts: DiskArrayParts) => DiskArray>,
): Promise<DiskArray> {
  const { program, onEvent } = options;
  const desk = new ControlDesk(world.clock);
  const events = new ArrayEvents();
  if (onEvent !== undefined) events.subscribe(onEvent);
  const disks = new Disks(world, {
    program,
    accept: (connection) => {
      desk.accept(connection);
    },
  });
  try {
    const finish = await open({ disks, events });
    return finish({ world, disks, desk, events, nameOf: namer(options) });
  } catch (error) {
    desk.fail(error);
    desk.close();
    await disks.releaseAll();
    throw error;
  }
}

async function takeAll(
  disks: Disks,
  paths: readonly string[],
  reasons: Map<string, OutReason>,
): Promise<readonly Volume[]> {
  const volumes: Volume[] = [];
  let gone: Fault | undefined;
  for (const path of paths) {
    try {
      volumes.push(await disks.take(path));
    } catch (error) {
      if (!isGone(error)) throw notTaken(path, error);
      gone ??= error;
      reasons.set(path, { reason: messageOf(error), memberId: undefined });
    }
  }
  if (volumes.length === 0 && gone !== undefined) throw gone;
  return volumes;
}

async function takeUnused(
  { checksums }: World,
  disks: Disks,
  paths: readonly string[],
  { force = false }: HoldOptions,
): Promise<readonly Volume[]> {
  const volumes: Volume[] = [];
  for (const path of paths) {
    const volume = await disks.take(path);
    if (force) await forgetMembership(volume, checksums);
    else await requireUnused(volume, checksums);
    volumes.push(volume);
  }
  return volumes;
}

/** One file may have several names, and holds the superblock of the last of these members only. */
async function refuseSameFile(
  { checksums }: World,
  members: readonly Volume[],
  array: RaidArray,
): Promise<void> {
  const roles = array.status().members;
  for (const [role, volume] of members.entries()) {
    const found = await readSuperblock(volume, checksums);
    const id = found.kind === "valid" ? idText(found.superblock.memberId) : undefined;
    if (id === roles[role]?.memberId) continue;
    const other = roles.find(({ memberId }) => memberId === id)?.name;
    for (const one of members) await forgetMembership(one, checksums);
    const message = `"${volume.name}" and "${other ?? ""}" are one file: name another`;
    throw new Fault("ERR_ARGUMENT", message, { path: volume.name, other });
  }
}

function namer({ nameOf = (path) => path }: HoldOptions): (path: string) => string {
  // An array passes its index too, which is nobody's business.
  return (path) => nameOf(path);
}

function refuseTwice(paths: readonly string[]): void {
  const twice = paths.find((path, index) => paths.indexOf(path) < index);
  if (twice === undefined) return;
  throw new Fault("ERR_ARGUMENT", `"${twice}" is named twice`, { path: twice });
}
