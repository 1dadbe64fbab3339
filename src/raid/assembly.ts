/**
 * Decides from the superblocks that were found whether they make an array, and who sits where. It
 * is a pure function: nothing is read or written here.
 *
 * It guarantees that
 *
 *  1. the record that is believed is the one with the highest event, and of those with the highest
 *     sequence, unless two members each went on after the other recorded them as gone: then neither
 *     is touched. One that a crash kept from the others, who went on without it, is not believed:
 *     their sequence has passed its own, though their event is lower;
 *  2. a member is *current* only if the record has it, and its own superblock is the newest or the
 *     one before: superblocks are written one after the other to all members, so nobody who is
 *     current can be further behind. An old copy of a member that is put back is further behind;
 *  3. an array isn't assembled without members that could make a working array by themselves,
 *     unless those who are there record that they left; `force` overrides this, not the first;
 *  4. it isn't assembled with fewer current members than the level needs; `force` takes those who
 *     are behind, the newest first. Where there is parity, what they missed will be told as lost,
 *     block by block.
 */

import { equalBytes } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import { Geometry } from "./geometry.ts";
import {
  type ArrayRecord,
  type FoundSuperblock,
  idText,
  type MemberSuperblock,
  type RoleRecord,
} from "./superblock.ts";

/** The way out of a refusal, whoever asked for the assembly. */
export const FORCE_IT = "force it (`holdfast raid assemble --force`)";

/** Why a member is out that may come back. */
export const IS_BEHIND = "it is behind: add it again";

export interface FoundMember {
  /** For messages: the path. */
  readonly name: string;
  readonly found: FoundSuperblock;
  /** Why it cannot be relied on, if it can't. */
  readonly problem: string | undefined;
}

export interface AssemblyWishes {
  readonly force: boolean;
}

export interface Assembly {
  readonly array: ArrayRecord;
  /** One for each role. */
  readonly seats: readonly Seat[];
  /** Indexes of the found members that are spares. */
  readonly spares: readonly number[];
  /** Indexes of those that have no part in the array now, and why. */
  readonly out: readonly OutMember[];
  /** What is at risk because it was forced. */
  readonly risks: readonly string[];
}

/** Who sits in a role, as an index of the found members. */
export interface Seat {
  readonly member: number | undefined;
  /** The member that is to take over. */
  readonly replacement: number | undefined;
  /** One that left this role and is here again. */
  readonly returned: ReturnedMember | undefined;
  /** Whether `member` is behind and taken by force. */
  readonly isTakenBehind: boolean;
}

export interface ReturnedMember {
  readonly member: number;
  /** Only what was put in place after this event has to be caught up with; undefined: all. */
  readonly sinceEvent: number | undefined;
}

export interface OutMember {
  readonly member: number;
  readonly reason: string;
}

export type AssemblyVerdict =
  | ({ readonly kind: "assemble" } & Assembly)
  | { readonly kind: "refuse"; readonly fault: Fault };

interface Candidate {
  readonly index: number;
  readonly name: string;
  readonly superblock: MemberSuperblock;
  readonly isBroken: boolean;
}

export function judgeAssembly(
  members: readonly FoundMember[],
  wishes: AssemblyWishes,
): AssemblyVerdict {
  const candidates = validMembers(members);
  const refusal =
    refuseUnreadable(members, candidates) ??
    refuseForeign(candidates) ??
    refuseTwins(candidates) ??
    refuseSplit(candidates);
  if (refusal !== undefined) return { kind: "refuse", fault: refusal };

  const array = newestRecord(candidates);
  const unfinished = refuseUnfinished(array, candidates);
  if (unfinished !== undefined) return { kind: "refuse", fault: unfinished };
  const risks: string[] = [];
  const seats = seatMembers(array, candidates);
  const taken = wishes.force ? takeStale(array, seats, candidates, risks) : seats;
  const short = refuseShort(array, taken, candidates, wishes, risks);
  if (short !== undefined) return { kind: "refuse", fault: short };

  const spares = candidates.filter((one) => isSpare(one, array)).map(({ index }) => index);
  const out = outMembers(members, candidates, taken, spares);
  return { kind: "assemble", array, seats: taken, spares, out, risks };
}

function validMembers(members: readonly FoundMember[]): readonly Candidate[] {
  return members.flatMap(({ name, found, problem }, index) =>
    found.kind === "valid"
      ? [{ index, name, superblock: found.superblock, isBroken: problem !== undefined }]
      : [],
  );
}

function refuseUnreadable(
  members: readonly FoundMember[],
  candidates: readonly Candidate[],
): Fault | undefined {
  for (const { name, found } of members) {
    if (found.kind !== "foreign") continue;
    return new Fault(
      "ERR_FORMAT",
      `"${name}" is a member in format version ${found.major}, which this program doesn't know: ` +
        "use the newer program that wrote it",
      { member: name, major: found.major },
    );
  }
  if (0 < candidates.length) return undefined;
  const names = members.map(({ name }) => name);
  return new Fault(
    "ERR_FORMAT",
    `None of ${quoted(names)} is a member of an array: check the paths, or create the array`,
    { members: names },
  );
}

function refuseForeign(candidates: readonly Candidate[]): Fault | undefined {
  const [first, ...others] = candidates;
  if (first === undefined) return undefined;
  const foreign = others.find((one) => !equalBytes(idOf(one), idOf(first)));
  if (foreign === undefined) return undefined;
  return new Fault(
    "ERR_FORMAT",
    `"${foreign.name}" is a member of the array ${idText(idOf(foreign))}, and "${first.name}" of ` +
      `${idText(idOf(first))}: assemble each array by itself`,
    { members: [first.name, foreign.name] },
  );
}

function idOf(candidate: Candidate): Uint8Array {
  return candidate.superblock.array.arrayId;
}

function refuseTwins(candidates: readonly Candidate[]): Fault | undefined {
  for (const [index, one] of candidates.entries()) {
    const twin = candidates
      .slice(index + 1)
      .find((other) => equalBytes(other.superblock.memberId, one.superblock.memberId));
    if (twin === undefined) continue;
    return new Fault(
      "ERR_FORMAT",
      `"${one.name}" and "${twin.name}" both say that they are member ` +
        `${idText(one.superblock.memberId)}: one is a copy, so leave one of them out`,
      { members: [one.name, twin.name] },
    );
  }
  return undefined;
}

/** Two of which each went on when the other was gone. */
function refuseSplit(candidates: readonly Candidate[]): Fault | undefined {
  for (const one of candidates) {
    for (const other of candidates) {
      if (!isSplit(one, other)) continue;
      const half = candidates.filter((third) => !recordsGone(one, third)).map(({ name }) => name);
      return new Fault(
        "ERR_FORMAT",
        `"${one.name}" and "${other.name}" each went on without the other, so their contents ` +
          "differ, and neither was touched. Decide which half to keep, for example " +
          `${quoted(half)}, assemble that half alone, and add the others by force, as new members`,
        { members: [one.name, other.name] },
      );
    }
  }
  return undefined;
}

/**
 * One that is recorded as gone and is as it was when it left has merely missed something, though
 * it may record as gone who came back since.
 */
function isSplit(one: Candidate, other: Candidate): boolean {
  if (!wentOnWithout(other, one)) return false;
  const { array } = one.superblock;
  return wentOnWithout(one, other) || wentOnAfterReplaced(other.superblock, array);
}

/**
 * When a member left whose role was given to another is recorded no more. It went on alone if it
 * records some as gone who are here, and nobody as active who is.
 */
export function wentOnAfterReplaced(
  { array: own, memberId, purpose }: MemberSuperblock,
  array: ArrayRecord,
): boolean {
  if (purpose !== "member" || roleOf(array, memberId) !== undefined) return false;
  const others = own.roles.filter((role) => {
    const state = roleOf(array, role.memberId)?.state;
    return state !== undefined && state !== "missing";
  });
  return others.length > 0 && others.every(({ state }) => state === "missing");
}

/** Whether `one` was written to after the time at which `other` recorded it as gone. */
function wentOnWithout(other: Candidate, one: Candidate): boolean {
  const role = roleOf(other.superblock.array, one.superblock.memberId);
  if (role?.state !== "missing" || role.leftSequence === 0) return false;
  return role.leftSequence < one.superblock.array.sequence;
}

function recordsGone(one: Candidate, other: Candidate): boolean {
  const role = roleOf(one.superblock.array, other.superblock.memberId);
  return role?.state === "missing";
}

function roleOf(array: ArrayRecord, memberId: Uint8Array): RoleRecord | undefined {
  return array.roles.find((role) => equalBytes(role.memberId, memberId));
}

function newestRecord(candidates: readonly Candidate[]): ArrayRecord {
  const all = candidates.map(({ superblock }) => superblock.array);
  const records = all.filter((one) => !all.some((other) => isPassed(one, other)));
  return records.reduce((best, one) =>
    best.event < one.event || (best.event === one.event && best.sequence < one.sequence)
      ? one
      : best,
  );
}

/** Whether others, who never had this record, went on. */
function isPassed(one: ArrayRecord, other: ArrayRecord): boolean {
  return other.event < one.event && one.sequence <= other.sequence;
}

function refuseUnfinished(array: ArrayRecord, candidates: readonly Candidate[]): Fault | undefined {
  if (!array.making) return undefined;
  const names = candidates.map(({ name }) => name);
  const message =
    `The making of the array ${idText(array.arrayId)} was cut short, so that there is nothing on ` +
    `${quoted(names)}: make the array again, of these or others`;
  return new Fault("ERR_FORMAT", message, { array: idText(array.arrayId), members: names });
}

function seatMembers(array: ArrayRecord, candidates: readonly Candidate[]): readonly Seat[] {
  return array.roles.map((role) => {
    const member = memberWith(candidates, role.memberId);
    const isHere = member !== undefined && role.state !== "missing" && isCurrent(member, array);
    const isOut = isHere || member === undefined || member.isBroken;
    return {
      member: isHere && !member.isBroken ? member.index : undefined,
      replacement: replacementOf(role, array, candidates),
      returned: isOut ? undefined : returnedMember(member, role),
      isTakenBehind: false,
    };
  });
}

function memberWith(candidates: readonly Candidate[], memberId: Uint8Array): Candidate | undefined {
  return candidates.find(({ superblock }) => equalBytes(superblock.memberId, memberId));
}

function isCurrent(member: Candidate, array: ArrayRecord): boolean {
  return array.sequence - 1 <= member.superblock.array.sequence;
}

function replacementOf(
  role: RoleRecord,
  array: ArrayRecord,
  candidates: readonly Candidate[],
): number | undefined {
  if (role.replacement === undefined) return undefined;
  const member = memberWith(candidates, role.replacement.memberId);
  const isHere = member !== undefined && !member.isBroken && isCurrent(member, array);
  return isHere ? member.index : undefined;
}

/**
 * A member may catch up by events only if it is as it was when it left. An older copy of it says
 * the same event, and lacks what was put in place between.
 */
function returnedMember(member: Candidate, role: RoleRecord): ReturnedMember {
  const { sequence } = member.superblock.array;
  const asItLeft =
    role.state === "missing" && role.leftSequence - 1 <= sequence && sequence <= role.leftSequence;
  return { member: member.index, sinceEvent: asItLeft ? role.leftEvent : undefined };
}

/** Fills seats with members that are behind, as far as the level needs them. */
function takeStale(
  array: ArrayRecord,
  seats: readonly Seat[],
  candidates: readonly Candidate[],
  risks: string[],
): readonly Seat[] {
  let wanted = neededCount(array) - activeCount(array, seats);
  if (wanted <= 0) return seats;
  const fate =
    new Geometry(array).parityCount === 0
      ? ", and what was there before is shown in its place"
      : " where the others cannot make up for it, and is told block by block";
  const stale = seats.flatMap(({ returned }, role) => {
    const member = candidates.find(({ index }) => index === returned?.member);
    return member === undefined ? [] : [{ role, member }];
  });
  const newestFirst = stale.toSorted(
    (left, right) => sequenceOf(right.member) - sequenceOf(left.member),
  );
  const taken = new Set<number>();
  for (const { role, member } of newestFirst) {
    if (wanted-- <= 0) break;
    taken.add(role);
    risks.push(
      `"${member.name}" is behind the others: what was written since it left is lost${fate}`,
    );
  }
  return seats.map((seat, role) => {
    const { returned } = seat;
    if (returned === undefined || !taken.has(role)) return seat;
    return { ...seat, member: returned.member, returned: undefined, isTakenBehind: true };
  });
}

function sequenceOf(member: Candidate): number {
  return member.superblock.array.sequence;
}

function neededCount(array: ArrayRecord): number {
  return array.memberCount - new Geometry(array).lossesMax;
}

/** How many seats are taken by members that hold all of their role. */
function activeCount(array: ArrayRecord, seats: readonly Seat[]): number {
  return seats.filter((seat, role) => isWhole(array, seat, role)).length;
}

function isWhole(array: ArrayRecord, seat: Seat, role: number): boolean {
  return seat.member !== undefined && array.roles[role]?.state !== "rebuilding";
}

function refuseShort(
  array: ArrayRecord,
  seats: readonly Seat[],
  candidates: readonly Candidate[],
  wishes: AssemblyWishes,
  risks: string[],
): Fault | undefined {
  const needed = neededCount(array);
  const active = activeCount(array, seats);
  const missing = array.roles.filter((_, role) => seats[role]?.member === undefined);
  if (active < needed) return tooFew(array, seats, candidates, wishes);
  // One that is here and broken is known not to have gone on alone.
  const unaware = missing.filter(
    ({ state, memberId }) => state === "active" && memberWith(candidates, memberId) === undefined,
  );
  if (unaware.length < needed) return undefined;
  if (wishes.force) {
    risks.push(
      `${missingWords(unaware.length)} of the array may have gone on alone: what was written ` +
        "there since is lost then, and what is missing must not be added but as a new member",
    );
    return undefined;
  }
  return new Fault(
    "ERR_UNAVAILABLE",
    `${missingWords(unaware.length)} of the array ${idText(array.arrayId)} could have gone on ` +
      `without those that are here: find what is missing, or ${FORCE_IT} if you are sure that it ` +
      "did not go on, because what was written there since would be lost",
    { array: idText(array.arrayId), missing: unaware.map(({ memberId }) => idText(memberId)) },
  );
}

/** Those that were active and aren't here could help; others left before, or are behind. */
function tooFew(
  array: ArrayRecord,
  seats: readonly Seat[],
  candidates: readonly Candidate[],
  { force }: AssemblyWishes,
): Fault {
  const needed = neededCount(array);
  const here = seats.flatMap((seat, role) => {
    const seated = candidates.find(({ index }) => index === seat.member);
    return seated !== undefined && isWhole(array, seat, role) ? [seated.name] : [];
  });
  const wanted = array.roles
    .filter(({ state, memberId }) => state === "active" && !isAmong(candidates, memberId))
    .map(({ memberId }) => idText(memberId));
  const find = wanted.length === 0 ? [] : [`find ${memberWords(wanted)}`];
  const forced = force ? [] : [`${FORCE_IT}, which loses what only those hold that are missing`];
  const ways = [...find, ...forced];
  const names = here.length === 0 ? "" : ` (${quoted(here)})`;
  const way = ways.length === 0 ? "no way is left but a backup" : ways.join(", or ");
  return new Fault(
    "ERR_UNAVAILABLE",
    `Of ${array.memberCount} members of the array ${idText(array.arrayId)}, ${here.length} ` +
      `${here.length === 1 ? "is" : "are"} here and up to date${names}, and RAID ${array.level} ` +
      `needs ${needed}: ${way}`,
    { array: idText(array.arrayId), active: here.length, needed, missing: wanted },
  );
}

function isAmong(candidates: readonly Candidate[], memberId: Uint8Array): boolean {
  return memberWith(candidates, memberId)?.isBroken === false;
}

function memberWords(ids: readonly string[]): string {
  return `${ids.length === 1 ? "member" : "members"} ${ids.join(", ")}`;
}

function missingWords(count: number): string {
  return count === 1 ? "1 missing member" : `${count} missing members`;
}

function isSpare(candidate: Candidate, array: ArrayRecord): boolean {
  const { purpose, memberId } = candidate.superblock;
  if (purpose !== "spare" || candidate.isBroken || roleOf(array, memberId) !== undefined)
    return false;
  return !array.roles.some(
    ({ replacement }) => replacement !== undefined && equalBytes(replacement.memberId, memberId),
  );
}

function outMembers(
  members: readonly FoundMember[],
  candidates: readonly Candidate[],
  seats: readonly Seat[],
  spares: readonly number[],
): readonly OutMember[] {
  const seated = new Set([
    ...seats.flatMap(({ member, replacement }) => [member, replacement]),
    ...spares,
  ]);
  const returned = new Set(seats.map((seat) => seat.returned?.member));
  return members.flatMap(({ found, problem }, member) => {
    if (seated.has(member)) return [];
    if (problem !== undefined) return [{ member, reason: problem }];
    if (returned.has(member)) return [{ member, reason: IS_BEHIND }];
    const known = candidates.some(({ index }) => index === member);
    if (known) return [{ member, reason: "it was removed from the array" }];
    return [{ member, reason: superblockWords[found.kind] }];
  });
}

const superblockWords = {
  valid: "it has no place in the array",
  empty: "it is no member of an array",
  damaged: "it is no member of an array, or its superblocks are damaged",
  foreign: "it is of another format version",
} as const;

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}
