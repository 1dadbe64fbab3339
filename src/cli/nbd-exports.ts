/**
 * Which volumes `holdfast nbd` exports, and under which names: what the command line says of them,
 * checked, and then opened. A file that is served belongs to this process alone.
 */

import type { ArrayListener } from "../arrays/array-events.ts";
import type { DiskArray } from "../arrays/disk-array.ts";
import { lockMember } from "../arrays/member-lock.ts";
import { assembleDisks } from "../arrays/open-disk-array.ts";
import { Fault } from "../base/fault.ts";
import { NbdExport } from "../nbd/export.ts";
import { EXPORT_NAME_BYTES_MAX } from "../nbd/settings.ts";
import type { RaidOptions } from "../raid/options.ts";
import { readSuperblock } from "../raid/read-superblock.ts";
import { openFileVolume } from "../volume/file-volume.ts";
import type { Volume } from "../volume/volume.ts";
import type { Files } from "../world/files.ts";
import type { World } from "../world/world.ts";
import { UsageError } from "./command-io.ts";
import { fileName } from "../host/file-name.ts";
import { amount } from "./progress.ts";
import { version } from "./version.ts";

const PROGRAM: string = `holdfast nbd ${version}`;

export interface ExportSpec {
  /** The empty name is the one that a client asks for who names none. */
  readonly name: string;
  readonly members: readonly string[];
  readonly readOnly: boolean;
}

/** What was typed: `--export`, `--read-only`, `--read-only-export`, and what stands alone. */
export interface ExportFlags {
  readonly export?: readonly string[];
  readonly readOnly?: boolean;
  readonly readOnlyExport?: readonly string[];
  readonly plain?: boolean;
  readonly force?: boolean;
}

export interface OpenedExport {
  readonly spec: ExportSpec;
  readonly volume: Volume;
  readonly export: NbdExport;
  /** Undefined for a plain file. */
  readonly array: DiskArray | undefined;
  /** Makes durable what was written, and lets go of the files. */
  close(): Promise<void>;
}

export function parseExports(
  flags: ExportFlags,
  members: readonly string[],
): readonly ExportSpec[] {
  const { export: given = [], readOnly: isReadOnly = false, readOnlyExport = [] } = flags;
  const whole = given.filter((one) => one.includes("="));
  const named = given.filter((one) => !one.includes("="));
  const specs = whole.map((one) => parseWhole(one));
  if (1 < named.length) {
    throw new UsageError(`"${named[1]}" has no members: give --export ${named[1]}=MEMBER`);
  }
  if (members.length > 0) specs.push({ name: named[0] ?? "", members });
  else if (named[0] !== undefined) {
    throw new UsageError(`"${named[0]}" has no members: name the file at the end of the line`);
  }
  if (specs.length === 0) throw new UsageError("name what to export: a file, or the members");
  const ofSeveral = specs.find((spec) => 1 < spec.members.length);
  if (flags.plain === true && ofSeveral !== undefined) {
    throw new UsageError(`--plain: "${ofSeveral.name}" has several members, which make an array`);
  }
  checkNames(specs, readOnlyExport);
  return specs.map(({ name, members: paths }) => {
    const readOnly = isReadOnly || readOnlyExport.includes(name);
    return { name, members: paths, readOnly };
  });
}

type NamedMembers = Pick<ExportSpec, "name" | "members">;

/** `NAME=MEMBER,MEMBER`. */
function parseWhole(given: string): NamedMembers {
  const at = given.indexOf("=");
  const members = given.slice(at + 1).split(",");
  if (members.includes("")) throw new UsageError(`a member of "${given}" has no name`);
  return { name: given.slice(0, at), members };
}

function checkNames(specs: readonly NamedMembers[], readOnlyNames: readonly string[]): void {
  const names = specs.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new UsageError(`there are two exports called "${twice}"`);
  const long = names.find((name) => EXPORT_NAME_BYTES_MAX < Buffer.byteLength(name));
  if (long !== undefined) throw new UsageError("the name of an export is longer than 4096 bytes");
  const unknown = readOnlyNames.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`--read-only-export "${unknown}": there is no such export here`);
  }
  const paths = specs.flatMap(({ members }) => members);
  const shared = paths.find((path, index) => paths.indexOf(path) < index);
  if (shared !== undefined) throw new UsageError(`"${shared}" is named twice`);
}

export interface OpenOptions {
  /** Takes a file for what it is, even if it says that it is a member of an array. */
  readonly plain: boolean;
  /** Assembles arrays that would be refused. */
  readonly force: boolean;
  /** Told what is at risk by that. */
  readonly note: (text: string) => void;
  readonly onEvent: ArrayListener;
  readonly raid: Partial<RaidOptions>;
}

/** Opens all of them or none. */
export async function openExports(
  world: World,
  specs: readonly ExportSpec[],
  options: OpenOptions,
): Promise<readonly OpenedExport[]> {
  const opened: OpenedExport[] = [];
  try {
    for (const spec of specs) opened.push(await openExport(world, spec, options));
    return opened;
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

/** Closes each, whatever happens with the others; rejects if one could not be closed. */
export async function closeAll(opened: readonly OpenedExport[]): Promise<void> {
  const closings = await Promise.allSettled(opened.map(async (one) => await one.close()));
  for (const closing of closings) if (closing.status === "rejected") throw closing.reason;
}

async function openExport(
  world: World,
  spec: ExportSpec,
  options: OpenOptions,
): Promise<OpenedExport> {
  for (const path of spec.members) await checkFile(world, path);
  const { array, volume, release } = await openMembers(world, spec, options);
  const description = amount(volume.sizeBytes, "bytes");
  const { name, readOnly } = spec;
  const close = async (): Promise<void> => {
    try {
      if (!readOnly && volume.failure === undefined) await volume.sync();
    } finally {
      await release();
    }
  };
  const exported = new NbdExport(volume, { name, description, readOnly });
  return { spec, volume, array, export: exported, close };
}

interface OpenedMembers {
  readonly array: DiskArray | undefined;
  readonly volume: Volume;
  readonly release: () => Promise<void>;
}

/** One volume of the members: the file itself, or the array that they make. */
async function openMembers(
  world: World,
  spec: ExportSpec,
  options: OpenOptions,
): Promise<OpenedMembers> {
  const [path, ...others] = spec.members;
  if (path === undefined || 0 < others.length) return await openArray(world, spec, options);
  const found = await lookAt(world, path);
  if (found === "array" && !options.plain) return await openArray(world, spec, options);
  return await openPlain(world, path, spec.readOnly);
}

async function openPlain(world: World, path: string, readOnly: boolean): Promise<OpenedMembers> {
  const lock = await lockMember(world, fileName(path), PROGRAM);
  try {
    // It may be such as this user cannot write.
    const volume = await openFileVolume(readOnly ? readOnlyFiles(world.files) : world.files, path);
    const release = async (): Promise<void> => {
      await volume.close();
      await lock.release();
    };
    return { array: undefined, volume, release };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Assembles the array. It is written to even if nobody may write to the export. */
async function openArray(
  world: World,
  { members }: ExportSpec,
  { force, note, onEvent, raid }: OpenOptions,
): Promise<OpenedMembers> {
  const options = { program: PROGRAM, force, onEvent, raid };
  const array = await assembleDisks(world, members.map(fileName), options);
  for (const risk of array.volume.risks) note(`forced: ${risk}`);
  const release = async (): Promise<void> => await array.close();
  return { array, volume: array.volume, release };
}

async function checkFile(world: World, path: string): Promise<void> {
  const kind = await world.files.kind(path);
  if (kind === "file") return;
  const message =
    kind === undefined
      ? `Cannot export "${path}": it is not there; make a file ("truncate -s 1G ${path}"), or ` +
        "leave out the member that an array is to do without"
      : `Cannot export "${path}": it is no file, which is all that can be exported so far`;
  throw new Fault("ERR_ARGUMENT", message, { path });
}

/** Whether the file says that it is a member of an array; what was one once is taken for plain. */
async function lookAt(world: World, path: string): Promise<"array" | "plain"> {
  const volume = await openFileVolume(readOnlyFiles(world.files), path);
  try {
    if (volume.sizeBytes === 0) throw emptyFault(path);
    const { kind } = await readSuperblock(volume, world.checksums);
    return kind === "valid" || kind === "foreign" ? "array" : "plain";
  } finally {
    await volume.close();
  }
}

function emptyFault(path: string): Fault {
  const message = `Cannot export "${path}": it is empty; give it a size ("truncate -s 1G ${path}")`;
  return new Fault("ERR_ARGUMENT", message, { path });
}

function readOnlyFiles(files: Files): Pick<Files, "open"> {
  return { open: async (path) => await files.open(path, "read") };
}
