/**
 * An array: a volume made of volumes, which goes on when members fail.
 *
 * It guarantees, besides what every volume does, that
 *
 *  1. what was acknowledged survives a loss of power together with the loss of as many members as
 *     the level may lose, at any point of any operation;
 *  2. no bytes are returned but those that were written last, or zeroes where nothing was: every
 *     block is checked against a checksum that lies apart from it;
 *  3. a block that a member returned wrong is told by the member's name, had from the others, and
 *     put right.
 *
 * How: every change is written to a journal on several members before it is put in place, data,
 * parity and checksums together, and the journal is replayed when the array is assembled. There is
 * more in docs/formats/raid.md and docs/decisions/0014.
 */

import { Fault } from "../base/fault.ts";
import type { SparseVolume, WrittenRange } from "../volume/sparse-volume.ts";
import { assertWithin, checkReadable, VolumeState } from "../volume/volume-state.ts";
import type { Volume } from "../volume/volume.ts";
import { allDone } from "./all-done.ts";
import { openArrayParts, type ArrayParts } from "./array-parts.ts";
import { Background } from "./background.ts";
import { findMembers } from "./find-members.ts";
import { formatMembers } from "./format-members.ts";
import { growRows, rowsForSize } from "./grow-rows.ts";
import { type Added, type MemberClaim, Membership } from "./membership.ts";
import type { AssembleOptions, CreateOptions } from "./options.ts";
import { BLOCK_TRIMMED } from "./pending-rows.ts";
import type { RaidWorld } from "./raid-world.ts";
import { replayJournal } from "./replay.ts";
import type { ScrubReport } from "./scrubber.ts";
import { type RaidStatus, statusOf } from "./status.ts";

/** Makes an array of volumes that hold nothing that is needed, in the order of its roles. */
export async function createArray(
  world: RaidWorld,
  members: readonly Volume[],
  options: CreateOptions,
): Promise<RaidArray> {
  const { record, layout, seats } = await formatMembers(world, members, options);
  const parts = openArrayParts(world, { record, layout, seats, spares: [] }, options);
  await parts.members.save();
  parts.members.change((saved) => ({ ...saved, making: false }));
  await parts.members.save();
  return new RaidArray(parts, []);
}

/** Opens the array whose members are among the volumes, in any order. */
export async function assembleArray(
  world: RaidWorld,
  members: readonly Volume[],
  options: AssembleOptions,
): Promise<RaidArray> {
  const found = await findMembers(world, members, options);
  const parts = openArrayParts(world, found, options);
  await replayJournal(parts, found, options);
  return new RaidArray(parts, found.risks);
}

/** An array of volumes, which is itself a volume. */
export class RaidArray implements SparseVolume {
  readonly name: string;
  readonly writeUnitBytes: number;
  readonly blockBytes: number;
  readonly canShrink = false;
  /** What may be lost because the assembly was forced. */
  readonly risks: readonly string[];
  readonly #parts: ArrayParts;
  readonly #state: VolumeState;
  readonly #membership: Membership;
  readonly #background: Background;
  #closing: Promise<void> | undefined;

  constructor(parts: ArrayParts, risks: readonly string[]) {
    this.#parts = parts;
    this.risks = risks;
    this.blockBytes = parts.core.layout.blockBytes;
    this.writeUnitBytes = this.blockBytes;
    this.name = nameOf(parts);
    this.#state = new VolumeState(this.name);
    this.#membership = new Membership(parts);
    this.#background = new Background(parts, this.#membership);
    this.#background.begin();
  }

  get sizeBytes(): number {
    return this.#parts.members.record.sizeBytes;
  }

  get failure(): Error | undefined {
    return this.#parts.members.failure;
  }

  async read(at: number, target: Uint8Array): Promise<void> {
    this.#state.checkOpen();
    checkReadable(this.name, this.sizeBytes, at, target.length);
    await this.#active(this.#read(at, target));
  }

  async write(at: number, source: Uint8Array): Promise<void> {
    this.#checkWrite(at, source.length);
    await this.#active(this.#parts.writer.write(at, source));
  }

  async writeDurable(at: number, source: Uint8Array): Promise<void> {
    this.#checkWrite(at, source.length);
    await this.#active(this.#writeDurable(at, source));
  }

  /** Never can: several members have to be waited for. */
  writeDurableNow(at: number, source: Uint8Array): boolean {
    this.#checkWrite(at, source.length);
    return false;
  }

  async sync(): Promise<void> {
    this.#checkWritable();
    await this.#active(this.#sync());
  }

  async trim(at: number, byteCount: number): Promise<void> {
    this.#checkWrite(at, byteCount);
    await this.#active(this.#parts.writer.trim(at, byteCount));
  }

  isWritten(at: number, byteCount: number): WrittenRange {
    checkReadable(this.name, this.sizeBytes, at, byteCount);
    const first = Math.floor(at / this.blockBytes);
    const written = this.#isBlockWritten(first);
    let block = first + 1;
    while (block * this.blockBytes < at + byteCount && this.#isBlockWritten(block) === written) {
      block++;
    }
    return { written, byteCount: Math.min(block * this.blockBytes - at, byteCount) };
  }

  /** How large each member has to be for an array of that size. */
  memberBytesFor(sizeBytes: number): number {
    const { core } = this.#parts;
    return core.layout.bytesFor(rowsForSize(core, sizeBytes));
  }

  /** Makes the array larger; members that have no room for it grow. */
  async grow(sizeBytes: number): Promise<void> {
    this.#checkWritable();
    await this.#membership.alone(async () => await growRows(this.#parts.core, sizeBytes));
  }

  /** Never does: its members keep the room that they were given. */
  async shrink(): Promise<void> {
    this.#checkWritable();
  }

  status(): RaidStatus {
    return statusOf(this.#parts, this.#background.progress, this.risks);
  }

  async claimOf(volume: Volume): Promise<MemberClaim> {
    return await this.#membership.claimOf(volume);
  }

  /** Takes the member of the role out, as if it had failed. */
  async fail(role: number): Promise<void> {
    this.#checkWritable();
    const { members } = this.#parts;
    const { member } = members.seat(role);
    if (member === undefined) return;
    members.lose(member, new Fault("ERR_IO", "It was told to fail"));
    await members.settled();
  }

  /**
   * Adds a volume: a member that comes back catches up, another takes the place of one that is
   * missing, and where none is it becomes a spare. What it begins goes on in the background.
   */
  async add(volume: Volume): Promise<Added> {
    this.#checkWritable();
    const added = await this.#membership.add(volume);
    this.#background.begin();
    return added;
  }

  /**
   * Takes out a spare, or a replacement, by its name; the volume is open still, and the caller's.
   */
  async remove(name: string): Promise<Volume> {
    this.#checkWritable();
    return await this.#membership.remove(name);
  }

  /** Has the volume take over from the member of the role, which serves until then. */
  async replace(role: number, volume: Volume): Promise<void> {
    this.#checkWritable();
    await this.#membership.replace(role, volume);
    this.#background.begin();
  }

  /** Makes the array larger by a member; it has its new size when that is done. */
  async growBy(volume: Volume): Promise<void> {
    this.#checkWritable();
    await this.#membership.growBy(volume);
    this.#background.begin();
  }

  /** Looks at everything that was written; undefined if the array was closed before the end. */
  async scrub(): Promise<ScrubReport | undefined> {
    this.#checkWritable();
    const { members } = this.#parts;
    if (members.record.scrubRow === undefined) {
      members.change((record) => ({ ...record, scrubRow: 0 }));
      await members.save();
    }
    return await this.#background.scrubbed();
  }

  /** Resolves when nothing is left to be done in the background. */
  async settled(): Promise<void> {
    await this.#background.idle();
  }

  /** Puts in place what is in the journal; nobody has to call it. */
  async checkpoint(): Promise<void> {
    this.#checkWritable();
    await this.#sync();
    await this.#parts.checkpointer.run();
  }

  /** Puts all in place and closes the members. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    const { members, journal, checkpointer, core, writer } = this.#parts;
    this.#state.close();
    await this.#background.stop();
    try {
      await writer.gatherer.settleAll();
      if (members.failure === undefined) {
        await journal.waitFor(core.pending.ticket);
        await journal.idle();
        await checkpointer.run((record) => ({ ...record, clean: true }));
      }
    } finally {
      // What became of those that had failed is known already.
      await Promise.allSettled(members.retired.map(async ({ volume }) => await volume.close()));
      await allDone(members.all().map(async ({ volume }) => await volume.close()));
      writer.gatherer.release();
    }
  }

  async #read(at: number, target: Uint8Array): Promise<void> {
    const { reader, writer } = this.#parts;
    if (writer.gatherer.holds(at, target.length)) await writer.gatherer.settle(at, target.length);
    await reader.read(at, target);
  }

  async #writeDurable(at: number, source: Uint8Array): Promise<void> {
    await this.#durable(await this.#parts.writer.writeThrough(at, source));
  }

  async #sync(): Promise<void> {
    await this.#parts.writer.gatherer.settleAll();
    await this.#durable(this.#parts.core.pending.ticket);
  }

  /** Counts as use of the array, which work in the background gives way to. */
  async #active(running: Promise<unknown>): Promise<void> {
    const { activity } = this.#parts;
    activity.begin();
    try {
      await running;
    } finally {
      activity.end();
    }
  }

  async #durable(ticket: number): Promise<void> {
    await this.#parts.journal.waitFor(ticket);
    await this.#parts.members.settled();
  }

  #checkWritable(): void {
    this.#state.checkOpen();
    this.#parts.members.check();
  }

  #checkWrite(at: number, length: number): void {
    this.#checkWritable();
    assertWithin(this.sizeBytes, at, length);
  }

  #isBlockWritten(block: number): boolean {
    const { core, writer } = this.#parts;
    const { pending, shape, table } = core;
    if (writer.gatherer.holds(block * this.blockBytes, this.blockBytes)) return true;
    const { geometry } = shape.atBlock(block);
    const row = geometry.rowOfBlock(block);
    const slot = geometry.slotOfBlock(block);
    const newest = pending.get(row, slot);
    if (newest === undefined) return table.isWritten(row, slot);
    return newest.kind !== BLOCK_TRIMMED;
  }
}

function nameOf({ members }: ArrayParts): string {
  const names = members.seats.map((_, role) => members.nameOf(role));
  return `raid${members.record.level}(${names.join(", ")})`;
}
