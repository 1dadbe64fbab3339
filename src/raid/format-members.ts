/** Makes an array out of volumes that aren't members yet: their zones, and the first superblock. */

import { Fault } from "../base/fault.ts";
import type { Volume } from "../volume/volume.ts";
import { allDone } from "./all-done.ts";
import { Geometry, isPowerOfTwo } from "./geometry.ts";
import { batchBytesFor } from "./journal-batch.ts";
import { batchBytesMaxOf } from "./journal-ring.ts";
import { Member, type RoleSeat } from "./member.ts";
import { MemberLayout, roundUp, tableCopiesOf, unitBytesOf } from "./member-layout.ts";
import type { CreateOptions } from "./options.ts";
import type { RaidWorld } from "./raid-world.ts";
import { readSuperblock } from "./read-superblock.ts";
import {
  type ArrayRecord,
  type FoundSuperblock,
  ID_BYTES,
  zeroCounters,
  zeroHash,
} from "./superblock.ts";

/** Zeroes are written in steps of this size. */
const SLICE_BYTES = 1 << 20;

export interface FormattedMembers {
  readonly record: ArrayRecord;
  readonly layout: MemberLayout;
  readonly seats: RoleSeat[];
}

export interface ArrayPlan {
  readonly geometry: Geometry;
  readonly layout: MemberLayout;
}

/** What an array of so many members would be like; throws if there can be none. */
export function planArray(options: CreateOptions, memberCount: number): ArrayPlan {
  const chunkBlocks = options.chunkBytes / options.blockBytes;
  const geometry = new Geometry({ ...options, memberCount, chunkBlocks });
  checkSize(options);
  checkJournalUnits(options);
  const layout = new MemberLayout({ ...options, tableCopies: tableCopiesOf(options) });
  checkJournal(geometry, layout);
  return { geometry, layout };
}

/**
 * Prepares the volumes. The array exists when the record has been saved on them, and once more when
 * it is no longer `making`.
 */
export async function formatMembers(
  world: RaidWorld,
  volumes: readonly Volume[],
  options: CreateOptions,
): Promise<FormattedMembers> {
  const { geometry, layout } = planArray(options, volumes.length);
  checkUnits(volumes, options.blockBytes);
  await refuseMembers(world, volumes);

  const sizes = volumes.map((volume) => volume.sizeBytes);
  const rows = rowsFor({ geometry, layout }, sizes, options.sizeBytes);
  await allDone(volumes.map(async (volume) => await prepareGroups(volume, layout, 0, rows)));
  const seats = volumes.map((volume) => ({
    member: new Member(newId(world), volume),
    replacement: undefined,
  }));
  const capacity = (rows / geometry.chunkBlocks) * geometry.stripeBytes;
  const wanted = Math.ceil((options.sizeBytes ?? capacity) / options.blockBytes);
  const record: ArrayRecord = {
    arrayId: newId(world),
    sequence: 0,
    event: 1,
    clean: false,
    making: true,
    level: geometry.level,
    layout: geometry.layout,
    memberCount: geometry.memberCount,
    blockBytes: geometry.blockBytes,
    chunkBlocks: geometry.chunkBlocks,
    journalBytes: layout.journalBytes,
    groupTableBlocks: layout.groupTableBlocks,
    rows,
    sizeBytes: Math.min(capacity, wanted * options.blockBytes),
    journal: { batch: 1, position: 0, chain: zeroHash },
    incarnation: newIncarnation(world, 0),
    tableSequence: 0,
    tableDigest: zeroHash,
    reshape: undefined,
    scrubRow: undefined,
    counters: zeroCounters,
    roles: seats.map(({ member }) => ({
      memberId: member.id,
      state: "active",
      leftEvent: 0,
      leftSequence: 0,
      position: 0,
      replacement: undefined,
    })),
  };
  return { record, layout, seats };
}

/** How many it would have on members of these sizes, which grow where a size is asked for. */
export function rowsFor(
  { geometry, layout }: ArrayPlan,
  memberSizes: readonly number[],
  sizeBytes: number | undefined,
): number {
  if (sizeBytes !== undefined) {
    return Math.ceil(sizeBytes / geometry.stripeBytes) * geometry.chunkBlocks;
  }
  const room = Math.min(...memberSizes.map((bytes) => layout.rowsIn(bytes)));
  const rows = Math.floor(room / geometry.chunkBlocks) * geometry.chunkBlocks;
  if (0 < rows) return rows;
  const needed = layout.bytesFor(geometry.chunkBlocks);
  const message = `Each member needs at least ${needed} bytes: give larger ones, or a size`;
  throw new Fault("ERR_ARGUMENT", message, { needed });
}

export function newId(world: RaidWorld): Uint8Array {
  const id = new Uint8Array(ID_BYTES);
  // oxlint-disable-next-line unicorn/no-array-fill-with-reference-type -- a Random, no array
  world.random.fill(id);
  // All zeroes stand for nobody.
  id[0] = (id[0] as number) | 1;
  return id;
}

/** Never the same twice in one array, even if chance is: it depends on the record's sequence. */
export function newIncarnation(world: RaidWorld, sequence: number): ArrayRecord["incarnation"] {
  world.checksums.xxh64(newId(world), sequence >>> 0, Math.floor(sequence / 2 ** 32));
  return { low: world.checksums.xxh64Low, high: world.checksums.xxh64High };
}

/** Makes room for the rows on the volume, and zeroes where the tables of new groups will be. */
export async function prepareGroups(
  volume: Volume,
  layout: MemberLayout,
  oldRows: number,
  rows: number,
): Promise<void> {
  const oldBytes = volume.sizeBytes;
  if (oldBytes < layout.bytesFor(rows)) await volume.grow(layout.bytesFor(rows));
  const zeroes = new Uint8Array(Math.min(SLICE_BYTES, layout.groupTableBytes));
  for (let group = layout.groupCount(oldRows); group < layout.groupCount(rows); group++) {
    // What a volume has grown by is zero already.
    const end = Math.min(layout.groupAt(group) + layout.groupTableBytes, oldBytes);
    for (let at = layout.groupAt(group); at < end; at += zeroes.length) {
      await volume.write(at, zeroes.subarray(0, Math.min(zeroes.length, end - at)));
    }
  }
  await volume.sync();
}

/** Whether it is of an array whose making was cut short, so that it holds nothing. */
export function isUnfinished(found: FoundSuperblock): boolean {
  return found.kind === "valid" && found.superblock.array.making;
}

function checkUnits(volumes: readonly Volume[], blockBytes: number): void {
  for (const { name, writeUnitBytes } of volumes) {
    if (blockBytes % writeUnitBytes === 0) continue;
    const message =
      `"${name}" is written in units of ${writeUnitBytes} bytes, so a block must have a multiple ` +
      `of that, not ${blockBytes}`;
    throw new Fault("ERR_ARGUMENT", message, { member: name, writeUnitBytes, blockBytes });
  }
}

function checkSize({ sizeBytes }: CreateOptions): void {
  if (sizeBytes === undefined || (Number.isSafeInteger(sizeBytes) && 0 < sizeBytes)) return;
  const message = `An array has a whole number of bytes, not ${JSON.stringify(sizeBytes)}`;
  throw new Fault("ERR_ARGUMENT", message, { sizeBytes });
}

function checkJournalUnits({ blockBytes, journalBytes }: CreateOptions): void {
  const unitBytes = unitBytesOf(blockBytes);
  if (journalBytes % unitBytes === 0) return;
  const message =
    `A journal has whole units of ${unitBytes} bytes, not ${journalBytes} bytes: give it ` +
    `${roundUp(journalBytes, unitBytes)}`;
  throw new Fault("ERR_ARGUMENT", message, { journalBytes, unitBytes });
}

/** A stripe of one member more must fit into a batch, or the array could never be grown by one. */
function checkJournal(geometry: Geometry, layout: MemberLayout): void {
  if (!isPowerOfTwo(layout.groupTableBlocks)) {
    throw new Fault("ERR_ARGUMENT", "A group has a power of two of table blocks");
  }
  const blocks = (geometry.slotCount + 1) * geometry.chunkBlocks;
  const { batchBytes } = batchBytesFor(blocks, blocks * geometry.blockBytes, layout.unitBytes);
  if (batchBytes <= batchBytesMaxOf(layout)) return;
  const message =
    `A journal of ${layout.journalBytes} bytes cannot hold stripes of ${batchBytes} bytes: give ` +
    "it at least eight times that much, or make the chunks smaller";
  throw new Fault("ERR_ARGUMENT", message, { journalBytes: layout.journalBytes, batchBytes });
}

async function refuseMembers(world: RaidWorld, volumes: readonly Volume[]): Promise<void> {
  for (const volume of volumes) {
    const found = await readSuperblock(volume, world.checksums);
    if (found.kind !== "valid" && found.kind !== "foreign") continue;
    if (isUnfinished(found)) continue;
    const message =
      `"${volume.name}" is a member of an array already: assemble that one, or wipe the member ` +
      "if nothing on it is needed";
    throw new Fault("ERR_ARGUMENT", message, { member: volume.name });
  }
}
