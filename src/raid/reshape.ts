/**
 * Growing an array by a member: the stripes are laid out anew, one after the other from the first.
 *
 * A stripe of the new layout takes the place of a stripe of the old one whose data has moved
 * already, or moves with it. Its blocks and the new position are in one batch of the journal, so a
 * crash leaves the stripe either as it was or moved. Everything is written and read meanwhile.
 *
 * What is left of the old layout behind the last stripe is trimmed in the end, and then the array
 * has its new size. A mirror needs none of this: it gets one more member to rebuild.
 */

import { Fault, isFault } from "../base/fault.ts";
import { allDone } from "./all-done.ts";
import type { ArrayParts } from "./array-parts.ts";
import { Geometry } from "./geometry.ts";
import { type Job, JobStopped } from "./job.ts";
import { batchBytesFor } from "./journal-batch.ts";
import { batchBytesMaxOf } from "./journal-ring.ts";
import type { Member } from "./member.ts";
import type { Members } from "./members.ts";
import { Pace } from "./pace.ts";
import { BLOCK_DATA, BLOCK_LOST, BLOCK_TRIMMED } from "./pending-rows.ts";
import { ProgressMeter } from "./progress.ts";
import type { RaidCore } from "./raid-core.ts";
import type { ScrubReport } from "./scrubber.ts";
import type { RoleRecord } from "./superblock.ts";

/** Adds the member as a new role; from then on the job has something to do. */
export async function beginReshape(parts: ArrayParts, member: Member): Promise<void> {
  const { checkpointer, core, members } = parts;
  const geometry = requireGrowable(parts);
  await checkpointer.alone(async () => {
    if (!geometry.isMirror) {
      await writeMovedTables(parts, geometry, member);
      await writeShiftedTables(parts, geometry, "before");
    }
    refuseLost(member);
    members.seats.push({ member, replacement: undefined });
    const role: RoleRecord = {
      memberId: member.id,
      state: geometry.isMirror ? "rebuilding" : "active",
      leftEvent: 0,
      leftSequence: 0,
      position: 0,
      replacement: undefined,
    };
    const oldMemberCount = geometry.memberCount - 1;
    members.change((record) => ({
      ...record,
      event: record.event + 1,
      memberCount: geometry.memberCount,
      roles: [...record.roles, role],
      reshape: geometry.isMirror ? undefined : { oldMemberCount, stripes: 0 },
    }));
    core.table.resize(core.table.rows, geometry.slotCount);
    if (geometry.isMirror) core.shape.replace(geometry.options);
    else core.shape.begin(geometry.options);
    parts.journal.moveFrom(0);
    // On the new one first: whoever has this record must be able to count on it.
    await members.introduce(member);
    await members.save();
    if (!geometry.isMirror) await writeShiftedTables(parts, geometry, "after");
  });
  for (let slot = 0; slot < core.table.slotCount; slot++) markTables(parts, slot);
  await checkpointer.run();
}

/** One that is out already would be waited for by whoever writes to those that are seated. */
function refuseLost(member: Member): void {
  if (!member.isOut) return;
  const message = `"${member.name}" failed before the array could count on it: use another`;
  throw new Fault("ERR_IO", message, { member: member.name });
}

/** Runs while the array becomes no larger and nobody joins it. */
export type RunAlone = <T>(run: () => Promise<T>) => Promise<T>;

export function reshapeJob(parts: ArrayParts, alone: RunAlone): Job {
  return new ReshapeJob(parts, alone);
}

class ReshapeJob implements Job {
  readonly meter: ProgressMeter;
  readonly #parts: ArrayParts;
  readonly #alone: RunAlone;
  readonly #pace: Pace;
  #isStopped = false;

  constructor(parts: ArrayParts, alone: RunAlone) {
    const { activity, core, options } = parts;
    this.#parts = parts;
    this.#alone = alone;
    this.#pace = new Pace(core.world.clock, activity, options.background);
    const { clock } = core.world;
    const chunk = this.#chunkBytes;
    const done = core.shape.stripes * chunk;
    this.meter = new ProgressMeter("reshape", undefined, clock, done, this.#stripeCount * chunk);
  }

  stop(): void {
    this.#isStopped = true;
  }

  async run(): Promise<ScrubReport | undefined> {
    const { shape } = this.#parts.core;
    do {
      // The array may grow meanwhile.
      while (shape.stripes < this.#stripeCount) {
        this.#check();
        await this.#moveStripe(shape.stripes);
        this.meter.advance(shape.stripes * this.#chunkBytes, this.#stripeCount * this.#chunkBytes);
        await this.#pace.rest(this.#chunkBytes);
      }
    } while (!(await this.#alone(async () => await this.#finish())));
    return undefined;
  }

  /** Ends the work, unless there is more of it since. */
  async #finish(): Promise<boolean> {
    if (this.#parts.core.shape.stripes < this.#stripeCount) return false;
    await this.#trimRest();
    await this.#end();
    return true;
  }

  /** How many stripes of the new layout hold what the old ones held. */
  get #stripeCount(): number {
    const { members, shape } = { ...this.#parts, ...this.#parts.core };
    const oldStripes = members.record.rows / shape.geometry.chunkBlocks;
    return Math.ceil((oldStripes * shape.oldGeometry.dataCount) / shape.geometry.dataCount);
  }

  get #chunkBytes(): number {
    const { geometry } = this.#parts.core.shape;
    return geometry.chunkBlocks * geometry.blockBytes;
  }

  async #moveStripe(stripe: number): Promise<void> {
    const { core, journal } = this.#parts;
    const { geometry, oldGeometry } = core.shape;
    await journal.room();
    const blocks = geometry.chunkBlocks * geometry.dataCount;
    const lastOld = oldGeometry.stripeOfBlock((stripe + 1) * blocks - 1);
    const lock = await core.locks.acquire(stripe, lastOld + 1);
    try {
      const rows: number[] = [];
      const staged: (() => void)[] = [];
      for (let index = 0; index < geometry.chunkBlocks; index++) {
        const row = stripe * geometry.chunkBlocks + index;
        rows.push(row);
        staged.push(await this.#moveRow(row));
      }
      // All at once: the rows, that they belong together, and where the blocks are from now on.
      for (const stage of staged) stage();
      core.pending.bind(rows, stripe + 1);
      core.shape.advance(stripe + 1);
    } finally {
      core.locks.release(lock);
    }
    journal.staged();
  }

  /** Reads what comes into the row; what is returned stages it. */
  async #moveRow(row: number): Promise<() => void> {
    const { core } = this.#parts;
    const { geometry } = core.shape;
    const contents = await allDone(
      Array.from(
        { length: geometry.dataCount },
        async (_, index) => await this.#readOld(geometry.blockAt(row, index)),
      ),
    );
    const data = contents.map((content) => (content === "lost" ? undefined : content));
    const isLost = contents.includes("lost");
    const parity = this.#parityOf(data);
    return () => {
      const stripe = geometry.stripeOfRow(row);
      for (const [index, content] of [...contents, ...parity].entries()) {
        const isParity = geometry.dataCount <= index;
        const slot = geometry.slotOfIndex(stripe, index);
        this.#stage(row, slot, isParity && isLost ? "lost" : content);
      }
    };
  }

  #parityOf(data: readonly (Uint8Array | undefined)[]): readonly (Uint8Array | undefined)[] {
    const { geometry, math } = this.#parts.core.shape.now;
    const parity = Array.from({ length: geometry.parityCount }, () => undefined);
    if (data.every((bytes) => bytes === undefined)) return parity;
    const computed = parity.map(() => new Uint8Array(geometry.blockBytes));
    math?.compute(data, computed);
    return computed;
  }

  /** The block of the array where it is in the old layout. */
  async #readOld(block: number): Promise<Uint8Array | undefined | "lost"> {
    const { blocks, core, members } = this.#parts;
    const { oldGeometry } = core.shape;
    const row = oldGeometry.rowOfBlock(block);
    if (members.record.rows <= row) return undefined;
    const bytes = new Uint8Array(oldGeometry.blockBytes);
    try {
      const isThere = await blocks.readLocked(row, oldGeometry.slotOfBlock(block), bytes);
      return isThere ? bytes : undefined;
    } catch (error) {
      if (!isFault(error, "ERR_CORRUPT")) throw error;
      members.count("blocksLost");
      core.world.trace.event("raid.block-lost", { at: block * oldGeometry.blockBytes });
      return "lost";
    }
  }

  #stage(row: number, slot: number, content: Uint8Array | undefined | "lost"): void {
    const { pending, table, world } = this.#parts.core;
    if (content === "lost") pending.stage(row, slot, BLOCK_LOST, 0);
    else if (content !== undefined) {
      pending.stage(row, slot, BLOCK_DATA, world.checksums.crc32(content, 0), content);
    } else if (pending.get(row, slot) !== undefined || table.isWritten(row, slot)) {
      pending.stage(row, slot, BLOCK_TRIMMED, 0);
    }
  }

  /** What the old layout has behind the last stripe belongs to nobody. */
  async #trimRest(): Promise<void> {
    const { core, journal, members } = this.#parts;
    const { geometry } = core.shape;
    for (let row = this.#stripeCount * geometry.chunkBlocks; row < members.record.rows; row++) {
      this.#check();
      await journal.room();
      const stripe = geometry.stripeOfRow(row);
      const lock = await core.locks.acquire(stripe, stripe + 1);
      for (let slot = 0; slot < geometry.slotCount; slot++) this.#stage(row, slot, undefined);
      core.locks.release(lock);
      journal.staged();
    }
  }

  async #end(): Promise<void> {
    const { checkpointer, core, journal, members } = this.#parts;
    await journal.waitFor(core.pending.ticket);
    this.#check();
    await checkpointer.run((record) => {
      core.shape.end();
      return { ...record, reshape: undefined };
    });
    const { geometry } = core.shape;
    members.change((record) => ({
      ...record,
      event: record.event + 1,
      sizeBytes: (record.rows / geometry.chunkBlocks) * geometry.stripeBytes,
    }));
    await members.save();
  }

  #check(): void {
    this.#parts.members.check();
    if (this.#isStopped) throw new JobStopped();
  }
}

/** What it would be with a member more; throws if it cannot be grown by one now. */
export function requireGrowable({ core, members }: ArrayParts): Geometry {
  const { options } = core.shape.geometry;
  const geometry = new Geometry({ ...options, memberCount: options.memberCount + 1 });
  const way = wayToWhole(core, members);
  if (way !== undefined) {
    const message =
      "The array can be grown by a member only while all its members are whole and none is " +
      `being replaced: ${way}`;
    throw new Fault("ERR_UNAVAILABLE", message);
  }
  const { layout } = core;
  const blocks = geometry.slotCount * geometry.chunkBlocks;
  const size = batchBytesFor(blocks, blocks * geometry.blockBytes, layout.unitBytes);
  if (size.batchBytes <= batchBytesMaxOf(layout)) return geometry;
  const message =
    `The journal of ${layout.journalBytes} bytes is too small for stripes over ` +
    `${geometry.memberCount} members: copy the data to a new array`;
  throw new Fault("ERR_ARGUMENT", message, { journalBytes: layout.journalBytes });
}

/** What has to be done, or waited for, until the array is whole; undefined if it is. */
function wayToWhole({ shape }: RaidCore, { record, seats }: Members): string | undefined {
  const { roles } = record;
  const missing = roles.flatMap(({ state }, role) => (state === "missing" ? [role] : []));
  if (0 < missing.length) {
    return (
      `add the one that is missing, or a disk in its place (role ${missing.join(", ")}; ` +
      "`holdfast raid add DISK --array MEMBER --wait`), and grow it then"
    );
  }
  const isReplacing = seats.some(({ replacement }) => replacement !== undefined);
  const isWhole = roles.every(({ state }) => state === "active");
  if (isWhole && !isReplacing && !shape.isReshaping) return undefined;
  return "wait until what is under way is done (`holdfast raid status` shows it)";
}

/**
 * The tables of the last slots are on other members when there is one more. Those that come to be
 * on the new one are written before anybody looks for them there.
 */
async function writeMovedTables(
  { core, members }: ArrayParts,
  geometry: Geometry,
  member: Member,
): Promise<void> {
  const { layout, table } = core;
  for (let copy = 1; copy < layout.tableCopies; copy++) {
    const slot = geometry.memberCount - 1 - copy;
    for (let index = 0; index < layout.tableCount(table.rows); index++) {
      const place = { slot, table: index };
      const sequence = table.sequence(place);
      if (sequence === 0) continue;
      const bytes = new Uint8Array(layout.unitBytes);
      table.encode(place, sequence, bytes);
      await members.write(member, layout.tableAt(index, copy, table.side(place)), bytes);
    }
  }
  await members.sync(member);
}

/**
 * With two parities the last table of the first role comes to be another slot's. Until the array
 * has its new member both are needed there, each on one side; from then on the new one is on
 * both, so that whichever side is written next, the other is whole.
 */
async function writeShiftedTables(
  { core, members }: ArrayParts,
  geometry: Geometry,
  when: "before" | "after",
): Promise<void> {
  const { layout, table } = core;
  const copy = 2;
  if (layout.tableCopies <= copy) return;
  const slot = geometry.memberCount - copy;
  const { member } = members.seat(0);
  if (member === undefined) return;
  for (let index = 0; index < layout.tableCount(table.rows); index++) {
    const place = { slot, table: index };
    const sequence = table.sequence(place);
    if (sequence === 0) continue;
    const side =
      when === "after" ? table.side(place) : 1 - table.side({ ...place, slot: slot - 1 });
    const bytes = new Uint8Array(layout.unitBytes);
    table.encode(place, sequence, bytes);
    await members.write(member, layout.tableAt(index, copy, side), bytes);
  }
  await members.sync(member);
}

function markTables({ core }: ArrayParts, slot: number): void {
  const { layout, table } = core;
  for (let index = 0; index < layout.tableCount(table.rows); index++) {
    if (0 < table.sequence({ slot, table: index })) table.markDirty({ slot, table: index });
  }
}
