/**
 * Which volumes `holdfast nbd` exports, and under which names: what the command line says of them,
 * checked, and then opened. A file that is served belongs to this process alone.
 */

import { Fault } from "../base/fault.ts";
import { NbdExport } from "../nbd/export.ts";
import { EXPORT_NAME_BYTES_MAX } from "../nbd/settings.ts";
import { openFileVolume } from "../volume/file-volume.ts";
import type { Volume } from "../volume/volume.ts";
import type { Files } from "../world/files.ts";
import type { World } from "../world/world.ts";
import { UsageError } from "./command-io.ts";
import { lockMember, type MemberLock } from "./member-lock.ts";
import { amount } from "./progress.ts";

export interface ExportSpec {
  /** The empty name is the one that a client asks for who names none. */
  readonly name: string;
  readonly members: readonly string[];
  readonly readOnly: boolean;
}

/** What was typed: `--export`, `--read-only`, `--read-only-export`, and what stands alone. */
export interface ExportFlags {
  readonly export: readonly string[];
  readonly readOnly: boolean;
  readonly readOnlyExport: readonly string[];
}

export interface OpenedExport {
  readonly spec: ExportSpec;
  readonly volume: Volume;
  readonly export: NbdExport;
  /** Makes durable what was written, and lets go of the files. */
  close(): Promise<void>;
}

export function parseExports(
  flags: ExportFlags,
  members: readonly string[],
): readonly ExportSpec[] {
  const whole = flags.export.filter((given) => given.includes("="));
  const named = flags.export.filter((given) => !given.includes("="));
  const specs = whole.map((given) => parseWhole(given));
  if (1 < named.length) {
    throw new UsageError(`"${named[1]}" has no members: give --export ${named[1]}=MEMBER`);
  }
  if (members.length > 0) specs.push({ name: named[0] ?? "", members });
  else if (named[0] !== undefined) {
    throw new UsageError(`"${named[0]}" has no members: name the file at the end of the line`);
  }
  if (specs.length === 0) throw new UsageError("name what to export: a file, or the members");
  checkNames(specs, flags.readOnlyExport);
  return specs.map(({ name, members: paths }) => {
    const readOnly = flags.readOnly || flags.readOnlyExport.includes(name);
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

/** Opens all of them or none. */
export async function openExports(
  world: World,
  specs: readonly ExportSpec[],
): Promise<readonly OpenedExport[]> {
  const opened: OpenedExport[] = [];
  try {
    for (const spec of specs) opened.push(await openExport(world, spec));
    return opened;
  } catch (error) {
    for (const one of opened) await one.close();
    throw error;
  }
}

async function openExport(world: World, spec: ExportSpec): Promise<OpenedExport> {
  const locks = await lockAll(world, spec.members);
  try {
    const volume = await openMembers(world, spec);
    const description = amount(volume.sizeBytes, "bytes");
    const { name, readOnly } = spec;
    const close = async (): Promise<void> => {
      try {
        if (!readOnly && volume.failure === undefined) await volume.sync();
      } finally {
        await volume.close();
        await releaseAll(locks);
      }
    };
    return { spec, volume, export: new NbdExport(volume, { name, description, readOnly }), close };
  } catch (error) {
    await releaseAll(locks);
    throw error;
  }
}

/** One volume of the members: the file itself, or the array that they make. */
async function openMembers(world: World, { members, readOnly }: ExportSpec): Promise<Volume> {
  const [path, ...others] = members;
  if (path === undefined || 0 < others.length) {
    throw new UsageError(`${members.length} members make an array: name one file`);
  }
  if ((await world.files.kind(path)) !== "file") {
    const message = `Cannot export "${path}": it is no file; make one ("truncate -s 1G ${path}")`;
    throw new Fault("ERR_ARGUMENT", message, { path });
  }
  const volume = await openFileVolume(readOnly ? readOnlyFiles(world.files) : world.files, path);
  if (0 < volume.sizeBytes) return volume;
  await volume.close();
  const message = `Cannot export "${path}": it is empty; give it a size ("truncate -s 1G ${path}")`;
  throw new Fault("ERR_ARGUMENT", message, { path });
}

/** Files that may be such as this user cannot write. */
function readOnlyFiles(files: Files): Pick<Files, "open"> {
  return { open: async (path) => await files.open(path, "read") };
}

async function lockAll(world: World, paths: readonly string[]): Promise<readonly MemberLock[]> {
  const locks: MemberLock[] = [];
  try {
    for (const path of paths) locks.push(await lockMember(world, path, "nbd"));
    return locks;
  } catch (error) {
    await releaseAll(locks);
    throw error;
  }
}

async function releaseAll(locks: readonly MemberLock[]): Promise<void> {
  for (const lock of locks) await lock.release();
}
