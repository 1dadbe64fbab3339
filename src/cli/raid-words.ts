/** What `holdfast raid` prints for a person. */

import type { DiskArrayStatus, ScrubFindings } from "../arrays/disk-array.ts";
import type { LookedAtDisk } from "../arrays/look-at-disks.ts";
import type { JobKind, JobProgress } from "../raid/progress.ts";
import type { RoleStatus } from "../raid/status.ts";
import { returnCommands } from "./return-command.ts";
import { type ArrayRecord, idText, type MemberSuperblock } from "../raid/superblock.ts";
import type { CommandIo, Style } from "./command-io.ts";
import { amount, duration, thousands } from "./progress.ts";

const healthStyles: Readonly<Record<DiskArrayStatus["health"], Style>> = {
  whole: "green",
  degraded: "yellow",
  failed: "red",
};

const jobWords: Readonly<Record<JobKind, string>> = {
  rebuild: "rebuild",
  replace: "replace",
  scrub: "scrub",
  reshape: "grow",
};

export function describeStatus(status: DiskArrayStatus, io: CommandIo): string {
  const { level, members, sizeBytes, health, counters } = status;
  const what = `raid${level} of ${members.length}, ${amount(sizeBytes, "bytes")}`;
  return [
    `${what}: ${io.style(healthStyles[health], health)}`,
    ...(status.failure === undefined ? [] : [`  failure    ${status.failure}`]),
    `  array      ${status.arrayId}, event ${status.event}`,
    `  chunk      ${amount(status.chunkBytes, "bytes")}, ${status.layout}, blocks of ` +
      amount(status.blockBytes, "bytes"),
    `  journal    ${amount(status.journalBytes, "bytes")}${journalUse(status)}`,
    ...members.map((member) => describeRole(member)),
    ...status.spares.map((path) => `  spare      ${path}`),
    ...status.absent.map(({ path, reason }) => `  absent     ${path}: ${reason}`),
    ...[...returnCommands(status).values()].map((command) => `  next       ${command}`),
    ...(status.job === undefined ? [] : [describeJob(status.job)]),
    `  counted    ${counted(counters.membersFailed, "member")} failed, ` +
      `${counted(counters.repairs, "repair")}, ${counted(counters.scrubs, "scrub")}, ` +
      `${counted(counters.blocksRepaired, "block")} repaired, ` +
      `${counted(counters.blocksLost, "block")} lost by rebuilds`,
  ].join("\n");
}

function journalUse({ journalUsedBytes }: DiskArrayStatus): string {
  return journalUsedBytes === undefined ? "" : `, ${amount(journalUsedBytes, "bytes")} in use`;
}

function describeRole(status: RoleStatus): string {
  const { role, state, name, rebuilt, replacement, memberId, readErrors } = status;
  const share = rebuilt === undefined ? "" : `, ${percent(rebuilt)}`;
  const who = name ?? `(member ${memberId})`;
  const next =
    replacement === undefined
      ? ""
      : `, being replaced by ${replacement.name}, ${percent(replacement.copied)}`;
  const errors = readErrors === 0 ? "" : `, ${counted(readErrors, "read error")} lately`;
  return `  ${`role ${role}`.padEnd(9)}  ${state}${share}  ${who}${next}${errors}`;
}

function describeJob({
  kind,
  doneBytes,
  totalBytes,
  bytesPerSecond,
  secondsLeft,
}: JobProgress): string {
  const share = totalBytes === 0 ? 1 : doneBytes / totalBytes;
  const done = `${amount(doneBytes, "bytes")} of ${amount(totalBytes, "bytes")}`;
  const rate = bytesPerSecond === undefined ? "" : `, ${amount(bytesPerSecond, "bytes")}/s`;
  const left = secondsLeft === undefined ? "" : `, ${duration(secondsLeft)} left`;
  return `  ${jobWords[kind].padEnd(9)}  ${percent(share)} (${done})${rate}${left}`;
}

export function describeScrub(findings: ScrubFindings): string {
  const { blocks, repaired, lostAt, parityRepaired, tablesRepaired, members } = findings;
  const wrong = members.map(
    ({ name, repaired: count }) => `  wrong      ${counted(count, "block")} of ${name}, put right`,
  );
  const lost = lostAt.map(
    (at) => `  LOST       byte ${thousands(at)} of the array: write it anew to heal it`,
  );
  const nothing = repaired + parityRepaired + tablesRepaired + lostAt.length === 0;
  return [
    `scrubbed ${counted(blocks, "block")}${nothing ? ": nothing is wrong" : ""}`,
    ...wrong,
    ...(parityRepaired === 0
      ? []
      : [`  parity     of ${counted(parityRepaired, "row")} was wrong, and is put right`]),
    ...(tablesRepaired === 0
      ? []
      : [`  checksums  ${counted(tablesRepaired, "block")} of them written again`]),
    ...lost,
  ].join("\n");
}

/** What `raid examine` says of one file, for programs. */
export function examined({
  path,
  found,
  problem,
}: LookedAtDisk): Readonly<Record<string, unknown>> {
  if (found === undefined) return { path, member: false, problem };
  if (found.kind === "foreign") {
    const newer = `a member in format version ${found.major}, which this program doesn't know`;
    return { path, member: false, problem: newer };
  }
  if (found.kind !== "valid") {
    const reason =
      found.kind === "empty"
        ? "no member of an array"
        : "no member of an array, or its superblocks are damaged";
    return { path, member: false, problem: reason };
  }
  const { memberId, purpose, array } = found.superblock;
  return {
    path,
    member: true,
    problem,
    memberId: idText(memberId),
    purpose,
    role: roleOf(found.superblock),
    array: {
      ...array,
      arrayId: idText(array.arrayId),
      journal: { batch: array.journal.batch, position: array.journal.position },
      // They are numbers of 64 bits in two halves, and say nothing to anybody.
      incarnation: undefined,
      tableDigest: undefined,
      roles: array.roles.map((role, index) => ({
        role: index,
        memberId: idText(role.memberId),
        state: role.state,
        replacement: role.replacement && idText(role.replacement.memberId),
      })),
    },
  };
}

export function describeExamined(disk: LookedAtDisk): string {
  const { path, found, problem } = disk;
  if (found?.kind !== "valid") {
    return `${path}: ${problem ?? String(examined(disk)["problem"])}`;
  }
  const { superblock } = found;
  const { array, memberId, purpose } = superblock;
  const role = roleOf(superblock);
  const part = purpose === "spare" ? "spare" : role === undefined ? "out" : `role ${role}`;
  return [
    `${path}: ${part} of raid${array.level} of ${array.memberCount}, ` +
      amount(array.sizeBytes, "bytes"),
    ...(problem === undefined ? [] : [`  problem    ${problem}`]),
    `  array      ${idText(array.arrayId)}`,
    `  member     ${idText(memberId)}`,
    `  event      ${array.event}, sequence ${array.sequence}, ${closingWords(array)}`,
    ...array.roles.map(
      ({ state, memberId: id }, index) => `  ${`role ${index}`.padEnd(9)}  ${state}  ${idText(id)}`,
    ),
  ].join("\n");
}

function closingWords({ clean, making }: ArrayRecord): string {
  if (making) return "its making was cut short: it holds nothing";
  return clean ? "cleanly closed" : "not cleanly closed: its journal will be replayed";
}

function roleOf({ memberId, array }: MemberSuperblock): number | undefined {
  const id = idText(memberId);
  const role = array.roles.findIndex((one) => idText(one.memberId) === id);
  return role === -1 ? undefined : role;
}

function percent(share: number): string {
  return `${Math.floor(share * 100)}%`;
}

function counted(count: number, noun: string): string {
  return `${thousands(count)} ${noun}${count === 1 ? "" : "s"}`;
}
