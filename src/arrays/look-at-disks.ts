/**
 * What files say of the array that they are members of, while nobody has it: read, and nothing
 * else. The journal isn't replayed, so that only what is in the superblocks is known.
 */

import { Fault, messageOf } from "../base/fault.ts";
import { type Assembly, type FoundMember, judgeAssembly } from "../raid/assembly.ts";
import { readSuperblock, shortageOf } from "../raid/read-superblock.ts";
import type { RoleStatus } from "../raid/status.ts";
import { type FoundSuperblock, idText, type RoleRecord } from "../raid/superblock.ts";
import { openFileVolume } from "../volume/file-volume.ts";
import type { World } from "../world/world.ts";
import type { AbsentDisk, DiskArrayStatus } from "./disk-array.ts";
import { measuredOf } from "./measured.ts";

export interface LookedAtDisk {
  readonly path: string;
  /** Undefined if the file cannot be read. */
  readonly found: FoundSuperblock | undefined;
  /** Why it cannot be read, or relied on. */
  readonly problem: string | undefined;
}

export async function lookAtDisk({ files, checksums }: World, path: string): Promise<LookedAtDisk> {
  try {
    const readOnly = { open: async (name: string) => await files.open(name, "read") };
    const volume = await openFileVolume(readOnly, path);
    try {
      const found = await readSuperblock(volume, checksums);
      const isMember = found.kind === "valid";
      return { path, found, problem: isMember ? shortageOf(volume, found.superblock) : undefined };
    } finally {
      await volume.close();
    }
  } catch (error) {
    return { path, found: undefined, problem: messageOf(error) };
  }
}

/** Throws what an assembly of these files would throw. */
export async function statusOfDisks(
  world: World,
  paths: readonly string[],
): Promise<DiskArrayStatus> {
  const disks: LookedAtDisk[] = [];
  for (const path of paths) disks.push(await lookAtDisk(world, path));
  const members: FoundMember[] = [];
  const absent: AbsentDisk[] = [];
  for (const { path, found, problem } of disks) {
    if (found === undefined) absent.push({ path, reason: problem ?? "it cannot be read" });
    else members.push({ name: path, found, problem });
  }
  if (members.length === 0) throw nothingToRead(absent);
  const verdict = judgeAssembly(members, { force: false });
  if (verdict.kind === "refuse") throw verdict.fault;
  for (const { member, reason } of verdict.out) {
    absent.push({ path: members[member]?.name ?? "", reason });
  }
  return statusFrom(verdict, members, absent);
}

function nothingToRead(absent: readonly AbsentDisk[]): Fault {
  const reasons = absent.map(({ path, reason }) => `"${path}": ${reason}`);
  return new Fault("ERR_ARGUMENT", `None of the files can be read: ${reasons.join("; ")}`);
}

function statusFrom(
  assembly: Assembly,
  members: readonly FoundMember[],
  absent: readonly AbsentDisk[],
): DiskArrayStatus {
  const { array, seats, spares } = assembly;
  const nameOf = (index: number | undefined): string | undefined =>
    index === undefined ? undefined : members[index]?.name;
  const roles = array.roles.map((role, index) => {
    const { member, replacement } = seats[index] ?? {};
    return roleStatus(role, index, array.rows, nameOf(member), nameOf(replacement));
  });
  return {
    arrayId: idText(array.arrayId),
    level: array.level,
    layout: array.layout,
    health: roles.every(({ state }) => state === "active") ? "whole" : "degraded",
    failure: undefined,
    sizeBytes: array.sizeBytes,
    blockBytes: array.blockBytes,
    chunkBytes: array.chunkBlocks * array.blockBytes,
    event: array.event,
    members: roles,
    spares: spares.flatMap((index) => nameOf(index) ?? []),
    journalBytes: array.journalBytes,
    journalUsedBytes: undefined,
    job: undefined,
    counters: array.counters,
    risks: [],
    absent,
    measured: measuredOf(array.counters),
    lastScrub: undefined,
  };
}

function roleStatus(
  record: RoleRecord,
  role: number,
  rows: number,
  name: string | undefined,
  replacement: string | undefined,
): RoleStatus {
  const state = name === undefined ? "missing" : record.state;
  const share = (position: number): number => (rows === 0 ? 1 : position / rows);
  return {
    role,
    state,
    memberId: idText(record.memberId),
    name,
    rebuilt: state === "rebuilding" ? share(record.position) : undefined,
    replacement:
      replacement === undefined
        ? undefined
        : { name: replacement, copied: share(record.replacement?.position ?? 0) },
    readErrors: 0,
  };
}
