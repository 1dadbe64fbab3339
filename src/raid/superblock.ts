/**
 * The bytes of a member's superblock: which array the member belongs to, what it is there, and what
 * the array was like when this was written. There are two copies, each in a place of its own; they
 * are written one after the other with a sync between, so that one is always whole. All numbers are
 * little-endian; what is not named is zero.
 *
 *     offset  bytes  field
 *          0      8  magic              "HfstRAID"
 *          8      8  checksum           XXH64 of all that follows, seeded with the copy's index
 *         16      2  major version      2; 1 is read, too: its journal has no computed parity
 *         18      2  minor version      0; a later one only adds what may be ignored
 *         20      4  copy index         0 or 1
 *         24      8  sequence           of the superblocks written, the same on every member
 *         32     16  array id           random, made with the array
 *         48     16  member id          random, made when the member was added; never used again
 *         64      4  event              raised whenever a member comes or goes
 *         68      2  purpose            0 member, 1 spare
 *         70      2  flags              1: shut down, and the journal is empty
 *                                       2: the array is being made, and holds nothing yet
 *         72      2  level              0, 1, 4, 5 or 6
 *         74      2  layout             0 left-asymmetric, 1 right-asymmetric, 2 left-symmetric,
 *                                       3 right-symmetric
 *         76      4  member count       2 to 32; spares are not counted
 *         80      4  block bytes
 *         84      4  chunk blocks
 *         88      8  journal bytes
 *         96      4  group table blocks
 *        100      4  zero
 *        104      8  rows               of every member
 *        112      8  size bytes         of the array
 *
 *        120      8  journal batch      the first batch that may not be in place
 *        128      8  journal position   where it begins, in units of journal since the creation
 *        136      8  journal chain      the checksum of the batch before it, low half first
 *        144      8  incarnation        random, of the last assembly; all its batches carry it
 *        152      8  table sequence     of the last checkpoint
 *        160      8  table digest       of the table blocks of that checkpoint
 *
 *        168      4  old member count   while the array is being grown by members; otherwise 0
 *        172      4  zero
 *        176      8  reshaped stripes   how many stripes already have the new member count
 *        184      8  members failed     counted since the creation, as are those that follow
 *        192      8  blocks repaired
 *        200      8  blocks lost
 *        208      8  repairs            rebuilds that came to their end
 *        216      8  repair seconds     from the loss of the member to the end of the rebuild
 *        224      8  scrubs             that came to their end
 *        232      8  scrub position     one more than the row at which a scrub goes on; 0: none
 *        240      8  member seconds     for how long there were members, of all of them together
 *        248      8  read bytes         from members
 *        256      8  read errors        how often that was refused
 *
 *        512  32*64  roles, one after the other:
 *               0   16  member id
 *              16    2  state           0 active, 1 missing, 2 rebuilding
 *              18    2  zero
 *              20    4  left event      the event before the member left; 0 if it never did
 *              24    8  left sequence   the sequence of the last superblock that it was to have
 *              32    8  position        rows that are rebuilt
 *              40   16  replacement     the member that is to take its place, or zeroes
 *              56    8  position        rows that the replacement has
 *       2560         zeroes up to 4096
 */

import { assert } from "../base/assert.ts";
import { equalBytes } from "../base/bytes.ts";
import { FieldReader, FieldWriter } from "../base/fields.ts";
import type { Checksums } from "../world/world.ts";
import {
  isPowerOfTwo,
  MEMBER_COUNT_MAX,
  memberCountMin,
  type RaidLayout,
  raidLayouts,
  type RaidLevel,
} from "./geometry.ts";
import { SUPERBLOCK_BYTES, unitBytesOf } from "./member-layout.ts";

export const SUPERBLOCK_COPIES = 2;
export const ID_BYTES = 16;
const VERSION_MAJOR = 2;
const VERSION_MAJOR_MIN = 1;
const VERSION_MINOR = 0;
const MAGIC_LOW = 0x74736648; // "Hfst"
const MAGIC_HIGH = 0x44494152; // "RAID"
const CHECKSUM_AT = 8;
const CHECKED_AT = 16;
const ROLES_AT = 512;
const ROLE_BYTES = 64;
assert(ROLES_AT + MEMBER_COUNT_MAX * ROLE_BYTES <= SUPERBLOCK_BYTES, "the roles have room");

const FLAG_CLEAN = 1;
const FLAG_MAKING = 2;

/** 64 bits as two unsigned halves. */
export interface Hash64 {
  readonly low: number;
  readonly high: number;
}

export const zeroHash: Hash64 = { low: 0, high: 0 };

export function equalHashes(left: Hash64, right: Hash64): boolean {
  return left.low === right.low && left.high === right.high;
}

/** What is the same on every member. */
export interface ArrayRecord {
  readonly arrayId: Uint8Array;
  readonly sequence: number;
  readonly event: number;
  readonly clean: boolean;
  /** Not all members have a superblock yet, so that nobody can have written to the array. */
  readonly making: boolean;
  readonly level: RaidLevel;
  readonly layout: RaidLayout;
  readonly memberCount: number;
  readonly blockBytes: number;
  readonly chunkBlocks: number;
  readonly journalBytes: number;
  readonly groupTableBlocks: number;
  readonly rows: number;
  readonly sizeBytes: number;
  readonly journal: JournalStart;
  readonly incarnation: Hash64;
  readonly tableSequence: number;
  readonly tableDigest: Hash64;
  readonly reshape: Reshape | undefined;
  /** The row at which a scrub goes on that was begun. */
  readonly scrubRow: number | undefined;
  readonly counters: RaidCounters;
  readonly roles: readonly RoleRecord[];
}

export interface JournalStart {
  readonly batch: number;
  readonly position: number;
  readonly chain: Hash64;
}

export interface Reshape {
  readonly oldMemberCount: number;
  readonly stripes: number;
}

/** What happened to an array since it was made. */
export interface RaidCounters {
  readonly membersFailed: number;
  readonly blocksRepaired: number;
  readonly blocksLost: number;
  readonly repairs: number;
  readonly repairSeconds: number;
  readonly scrubs: number;
  /** For how long members were assembled, of all of them together. */
  readonly memberSeconds: number;
  readonly readBytes: number;
  /** How often a member refused to read. */
  readonly readErrors: number;
}

export const zeroCounters: RaidCounters = {
  membersFailed: 0,
  blocksRepaired: 0,
  blocksLost: 0,
  repairs: 0,
  repairSeconds: 0,
  scrubs: 0,
  memberSeconds: 0,
  readBytes: 0,
  readErrors: 0,
};

export type RoleState = "active" | "missing" | "rebuilding";
/** A state's index is its number on disk. */
const roleStates: readonly RoleState[] = ["active", "missing", "rebuilding"];

export interface RoleRecord {
  readonly memberId: Uint8Array;
  readonly state: RoleState;
  readonly leftEvent: number;
  readonly leftSequence: number;
  /** Rows that are rebuilt; counts while the state is `rebuilding`. */
  readonly position: number;
  readonly replacement: Replacement | undefined;
}

export interface Replacement {
  readonly memberId: Uint8Array;
  readonly position: number;
}

export type MemberPurpose = "member" | "spare";

export interface MemberSuperblock {
  readonly memberId: Uint8Array;
  readonly purpose: MemberPurpose;
  readonly array: ArrayRecord;
}

/** What was found where a member's superblock should be. */
export type FoundSuperblock =
  | {
      readonly kind: "valid";
      readonly superblock: MemberSuperblock;
      /** Whether both copies say so: the next may be torn, and then the other one counts. */
      readonly isOnBoth: boolean;
    }
  /** Neither copy was ever written. */
  | { readonly kind: "empty" }
  /** Whole, but of a version that only another program knows. */
  | { readonly kind: "foreign"; readonly major: number }
  /** A superblock once. */
  | { readonly kind: "damaged" };

export function encodeSuperblock(
  superblock: MemberSuperblock,
  copyIndex: number,
  checksums: Checksums,
): Uint8Array {
  const bytes = new Uint8Array(SUPERBLOCK_BYTES);
  const fields = new FieldWriter(bytes);
  const { array } = superblock;
  fields.u32(MAGIC_LOW);
  fields.u32(MAGIC_HIGH);
  fields.skipTo(CHECKED_AT);
  fields.u16(VERSION_MAJOR);
  fields.u16(VERSION_MINOR);
  fields.u32(copyIndex);
  fields.u64(array.sequence);
  fields.bytes(array.arrayId);
  fields.bytes(superblock.memberId);
  fields.u32(array.event);
  fields.u16(superblock.purpose === "spare" ? 1 : 0);
  fields.u16((array.clean ? FLAG_CLEAN : 0) | (array.making ? FLAG_MAKING : 0));
  writeShape(fields, array);
  writeState(fields, array);
  writeRoles(fields, array.roles);
  fields.skipTo(CHECKSUM_AT);
  checksums.xxh64(bytes.subarray(CHECKED_AT), copyIndex, 0);
  fields.u32(checksums.xxh64Low);
  fields.u32(checksums.xxh64High);
  return bytes;
}

/**
 * What the two copies say together: the newest that is whole. If one of them is of another version,
 * a newer program was here, and it isn't for us to go back to the older copy.
 */
export function decodeSuperblocks(
  copies: readonly Uint8Array[],
  checksums: Checksums,
): FoundSuperblock {
  const found = copies.map((bytes, index) => decodeCopy(bytes, index, checksums));
  const foreign = found.find(({ kind }) => kind === "foreign");
  if (foreign !== undefined) return foreign;
  const valid = found
    .filter((one) => one.kind === "valid")
    .toSorted((left, right) => right.superblock.array.sequence - left.superblock.array.sequence);
  const damaged = found.find(({ kind }) => kind === "damaged");
  const [newest, other] = valid;
  if (newest === undefined) return damaged ?? { kind: "empty" };
  const isOnBoth = other?.superblock.array.sequence === newest.superblock.array.sequence;
  return { ...newest, isOnBoth };
}

function decodeCopy(bytes: Uint8Array, copyIndex: number, checksums: Checksums): FoundSuperblock {
  const fields = new FieldReader(bytes);
  if (fields.u32() !== MAGIC_LOW || fields.u32() !== MAGIC_HIGH) {
    return { kind: bytes.every((byte) => byte === 0) ? "empty" : "damaged" };
  }
  const checksum = { low: fields.u32(), high: fields.u32() };
  const major = fields.u16();
  fields.u16();
  checksums.xxh64(bytes.subarray(CHECKED_AT), copyIndex, 0);
  const computed = { low: checksums.xxh64Low, high: checksums.xxh64High };
  if (!equalHashes(checksum, computed)) return { kind: "damaged" };
  if (major < VERSION_MAJOR_MIN || VERSION_MAJOR < major) return { kind: "foreign", major };
  if (fields.u32() !== copyIndex) return { kind: "damaged" };
  const superblock = readSuperblock(fields);
  if (superblock === undefined || fields.isMalformed) return { kind: "damaged" };
  return { kind: "valid", superblock, isOnBoth: false };
}

function readSuperblock(fields: FieldReader): MemberSuperblock | undefined {
  const sequence = fields.u64();
  const arrayId = fields.bytes(ID_BYTES);
  const memberId = fields.bytes(ID_BYTES);
  const event = fields.u32();
  const purpose: MemberPurpose = fields.u16() === 1 ? "spare" : "member";
  const flags = fields.u16();
  const clean = (flags & FLAG_CLEAN) !== 0;
  const making = (flags & FLAG_MAKING) !== 0;
  const shape = readShape(fields);
  const state = readState(fields);
  if (shape === undefined) return undefined;
  const roles = readRoles(fields, shape.memberCount);
  const array = { arrayId, sequence, event, clean, making, ...shape, ...state, roles };
  return { memberId, purpose, array };
}

type Shape = Pick<
  ArrayRecord,
  | "level"
  | "layout"
  | "memberCount"
  | "blockBytes"
  | "chunkBlocks"
  | "journalBytes"
  | "groupTableBlocks"
  | "rows"
  | "sizeBytes"
>;

function writeShape(fields: FieldWriter, shape: Shape): void {
  fields.u16(shape.level);
  fields.u16(raidLayouts.indexOf(shape.layout));
  fields.u32(shape.memberCount);
  fields.u32(shape.blockBytes);
  fields.u32(shape.chunkBlocks);
  fields.u64(shape.journalBytes);
  fields.u32(shape.groupTableBlocks);
  fields.u32(0);
  fields.u64(shape.rows);
  fields.u64(shape.sizeBytes);
}

function readShape(fields: FieldReader): Shape | undefined {
  const level = fields.u16();
  const layout = raidLayouts[fields.u16()];
  const memberCount = fields.u32();
  const blockBytes = fields.u32();
  const chunkBlocks = fields.u32();
  const journalBytes = fields.u64();
  const groupTableBlocks = fields.u32();
  fields.u32();
  const rows = fields.u64();
  const sizeBytes = fields.u64();
  if (!isLevel(level) || layout === undefined) return undefined;
  if (memberCount < memberCountMin(level) || MEMBER_COUNT_MAX < memberCount) return undefined;
  if (!isPowerOfTwo(blockBytes) || blockBytes < 64 || !isPowerOfTwo(chunkBlocks)) return undefined;
  if (journalBytes % unitBytesOf(blockBytes) !== 0 || groupTableBlocks === 0) return undefined;
  return {
    level,
    layout,
    memberCount,
    blockBytes,
    chunkBlocks,
    journalBytes,
    groupTableBlocks,
    rows,
    sizeBytes,
  };
}

function isLevel(level: number): level is RaidLevel {
  return [0, 1, 4, 5, 6].includes(level);
}

type State = Pick<
  ArrayRecord,
  "journal" | "incarnation" | "tableSequence" | "tableDigest" | "reshape" | "scrubRow" | "counters"
>;

function writeState(fields: FieldWriter, state: State): void {
  fields.u64(state.journal.batch);
  fields.u64(state.journal.position);
  writeHash(fields, state.journal.chain);
  writeHash(fields, state.incarnation);
  fields.u64(state.tableSequence);
  writeHash(fields, state.tableDigest);
  fields.u32(state.reshape?.oldMemberCount ?? 0);
  fields.u32(0);
  fields.u64(state.reshape?.stripes ?? 0);
  fields.u64(state.counters.membersFailed);
  fields.u64(state.counters.blocksRepaired);
  fields.u64(state.counters.blocksLost);
  fields.u64(state.counters.repairs);
  fields.u64(state.counters.repairSeconds);
  fields.u64(state.counters.scrubs);
  fields.u64(state.scrubRow === undefined ? 0 : state.scrubRow + 1);
  fields.u64(state.counters.memberSeconds);
  fields.u64(state.counters.readBytes);
  fields.u64(state.counters.readErrors);
}

function readState(fields: FieldReader): State {
  const journal = { batch: fields.u64(), position: fields.u64(), chain: readHash(fields) };
  const incarnation = readHash(fields);
  const tableSequence = fields.u64();
  const tableDigest = readHash(fields);
  const oldMemberCount = fields.u32();
  fields.u32();
  const stripes = fields.u64();
  const counted = {
    membersFailed: fields.u64(),
    blocksRepaired: fields.u64(),
    blocksLost: fields.u64(),
    repairs: fields.u64(),
    repairSeconds: fields.u64(),
    scrubs: fields.u64(),
  };
  const scrubNext = fields.u64();
  const counters = {
    ...counted,
    memberSeconds: fields.u64(),
    readBytes: fields.u64(),
    readErrors: fields.u64(),
  };
  const scrubRow = scrubNext === 0 ? undefined : scrubNext - 1;
  const reshape = oldMemberCount === 0 ? undefined : { oldMemberCount, stripes };
  return { journal, incarnation, tableSequence, tableDigest, reshape, scrubRow, counters };
}

function writeRoles(fields: FieldWriter, roles: readonly RoleRecord[]): void {
  for (const [index, role] of roles.entries()) {
    fields.skipTo(ROLES_AT + index * ROLE_BYTES);
    fields.bytes(role.memberId);
    fields.u16(roleStates.indexOf(role.state));
    fields.u16(0);
    fields.u32(role.leftEvent);
    fields.u64(role.leftSequence);
    fields.u64(role.position);
    if (role.replacement === undefined) continue;
    fields.bytes(role.replacement.memberId);
    fields.u64(role.replacement.position);
  }
}

function readRoles(fields: FieldReader, memberCount: number): readonly RoleRecord[] {
  return Array.from({ length: memberCount }, (_, index) => {
    fields.skipTo(ROLES_AT + index * ROLE_BYTES);
    const memberId = fields.bytes(ID_BYTES);
    const state = roleStates[fields.u16()];
    fields.u16();
    if (state === undefined) fields.malformed();
    const leftEvent = fields.u32();
    const leftSequence = fields.u64();
    const position = fields.u64();
    const replacementId = fields.bytes(ID_BYTES);
    const replacementPosition = fields.u64();
    const replacement = isZero(replacementId)
      ? undefined
      : { memberId: replacementId, position: replacementPosition };
    return {
      memberId,
      state: state ?? "missing",
      leftEvent,
      leftSequence,
      position,
      replacement,
    };
  });
}

function writeHash(fields: FieldWriter, hash: Hash64): void {
  fields.u32(hash.low);
  fields.u32(hash.high);
}

function readHash(fields: FieldReader): Hash64 {
  return { low: fields.u32(), high: fields.u32() };
}

const zeroId = new Uint8Array(ID_BYTES);

function isZero(id: Uint8Array): boolean {
  return equalBytes(id, zeroId);
}

/** How an id is shown and typed: 32 hexadecimal digits. */
export function idText(id: Uint8Array): string {
  return [...id].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
