/** Reads the superblocks of volumes and seats those that make up an array. */

import type { Volume } from "../volume/volume.ts";
import type { ArrayMembers } from "./array-parts.ts";
import { type Assembly, type FoundMember, judgeAssembly, type Seat } from "./assembly.ts";
import { Member } from "./member.ts";
import { MemberLayout, tableCopiesOf } from "./member-layout.ts";
import type { AssembleOptions } from "./options.ts";
import type { RaidWorld } from "./raid-world.ts";
import { readSuperblock, shortageOf } from "./read-superblock.ts";
import { Stall, StallWatch } from "./stall.ts";
import { type ArrayRecord, idText, type RoleRecord } from "./superblock.ts";

export interface FoundArray extends ArrayMembers {
  readonly risks: readonly string[];
  /** What was last written to some of the members. */
  readonly foundRecord: ArrayRecord;
  /** Members that have the record before it, if only in one of their copies. */
  readonly behind: readonly Member[];
  /** Members that are taken by force though they are behind. */
  readonly takenBehind: ReadonlySet<Member>;
  /** Whether somebody left who isn't recorded as gone yet. */
  readonly isChanged: boolean;
}

export async function findMembers(
  world: RaidWorld,
  volumes: readonly Volume[],
  options: AssembleOptions,
): Promise<FoundArray> {
  const found: FoundMember[] = [];
  const watch = new StallWatch(world.clock, options.stallMs);
  for (const volume of volumes) found.push(await findMember(world, volume, watch));
  const verdict = judgeAssembly(found, options);
  if (verdict.kind === "refuse") throw verdict.fault;
  for (const { member, reason } of verdict.out) {
    const one = found[member]?.found;
    const memberId = one?.kind === "valid" ? idText(one.superblock.memberId) : undefined;
    world.trace.event("raid.member-out", { member: found[member]?.name, why: reason, memberId });
  }
  const memberAt = (index: number | undefined): Member | undefined => {
    const volume = index === undefined ? undefined : volumes[index];
    const one = index === undefined ? undefined : found[index]?.found;
    if (volume === undefined || one?.kind !== "valid") return undefined;
    return new Member(one.superblock.memberId, volume);
  };
  const record = recordOf(verdict);
  tellMissing(world, verdict.array, record);
  const heirs = record.roles.map((_, role) => inherits(verdict, role));
  const seats = verdict.seats.map((seat, role) => ({
    member: memberAt(heirs[role] === true ? seat.replacement : seat.member),
    replacement: memberAt(heirs[role] === true ? undefined : seat.replacement),
  }));
  const behind = seats
    .flatMap(({ member, replacement }) => [member, replacement])
    .filter((member) => member !== undefined)
    .filter((member) => sequenceOnBoth(found, volumes, member) < verdict.array.sequence);
  const takenBehind = new Set(
    seats.flatMap(({ member }, role) =>
      member !== undefined && verdict.seats[role]?.isTakenBehind === true ? [member] : [],
    ),
  );
  const layout = new MemberLayout({ ...record, tableCopies: tableCopiesOf(record) });
  const spares = verdict.spares.flatMap((index) => memberAt(index) ?? []);
  const isChanged = record !== verdict.array;
  const { array: foundRecord, risks } = verdict;
  return { record, layout, seats, spares, risks, foundRecord, behind, takenBehind, isChanged };
}

/** Who was there until now, and isn't any more. */
function tellMissing(world: RaidWorld, before: ArrayRecord, now: ArrayRecord): void {
  for (const [role, { state, memberId }] of now.roles.entries()) {
    if (state !== "missing" || before.roles[role]?.state === "missing") continue;
    world.trace.event("raid.member-missing", { role, memberId: idText(memberId) });
  }
}

/** The last record that the member has for certain, whichever copy is torn. */
function sequenceOnBoth(
  found: readonly FoundMember[],
  volumes: readonly Volume[],
  { volume }: Member,
): number {
  const one = found[volumes.indexOf(volume)]?.found;
  return one?.kind === "valid" && one.isOnBoth ? one.superblock.array.sequence : 0;
}

async function findMember(
  world: RaidWorld,
  volume: Volume,
  watch: StallWatch,
): Promise<FoundMember> {
  const { name } = volume;
  let problem: string | undefined;
  try {
    // What a process wrote that was killed may be in a cache only, and is gone with the power.
    await watch.inTime(volume.sync());
  } catch {
    problem = "a sync of it failed, or did not end: replace it";
  }
  try {
    const reading = readSuperblock(volume, world.checksums);
    const found = await watch.inTime(reading);
    if (found.kind === "valid") problem ??= shortageOf(volume, found.superblock);
    return { name, found, problem };
  } catch (error) {
    if (!(error instanceof Stall)) throw error;
    return { name, found: { kind: "damaged" }, problem: "it does not answer: replace it" };
  }
}

/** The record of the verdict, if all are seated whom it seats; otherwise with a raised event. */
function recordOf(verdict: Assembly): ArrayRecord {
  const { array, seats } = verdict;
  const roles = array.roles.map((role, index) =>
    roleNow(array, role, seats[index], verdict, index),
  );
  const isSame = roles.every((role, index) => role === array.roles[index]);
  if (isSame) return array;
  const { membersFailed } = array.counters;
  const gone = roles.filter((role, index) => hasLost(array.roles[index], role)).length;
  const counters = { ...array.counters, membersFailed: membersFailed + gone };
  return { ...array, event: array.event + 1, roles, counters };
}

/** Whether somebody went who was there; what puts that right later counts as a repair. */
function hasLost(before: RoleRecord | undefined, now: RoleRecord): boolean {
  if (before === undefined || before.state === "missing") return false;
  return now.state === "missing" || before.memberId !== now.memberId;
}

function roleNow(
  array: ArrayRecord,
  role: RoleRecord,
  seat: Seat | undefined,
  verdict: Assembly,
  index: number,
): RoleRecord {
  if (inherits(verdict, index) && role.replacement !== undefined) {
    const whole = { state: "rebuilding", leftEvent: 0, leftSequence: 0 } as const;
    return { ...role, ...role.replacement, ...whole, replacement: undefined };
  }
  let now = role;
  if (role.replacement !== undefined && seat?.replacement === undefined) {
    now = { ...now, replacement: undefined };
  }
  // One that is behind is seated only by force.
  if (seat?.member !== undefined && role.state === "missing") return { ...now, state: "active" };
  if (seat?.member !== undefined || role.state === "missing") return now;
  const wasWhole = role.state === "active";
  const left = {
    leftEvent: wasWhole ? array.event : 0,
    leftSequence: wasWhole ? array.sequence : 0,
  };
  return { ...now, ...left, state: "missing", position: 0 };
}

/** Whether the replacement takes the role over now, because its member isn't here. */
function inherits({ array, seats }: Assembly, index: number): boolean {
  const seat = seats[index];
  return (
    array.roles[index]?.replacement !== undefined &&
    seat?.member === undefined &&
    seat?.replacement !== undefined
  );
}
