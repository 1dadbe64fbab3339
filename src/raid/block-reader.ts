/**
 * Reads single blocks as they are now, whatever state they and their members are in.
 *
 * It guarantees that
 *
 *  1. no bytes are returned but those that the table, or what is pending, vouches for;
 *  2. a block whose member returned others, or none, is had from the rest of its row, and put right
 *     on its member before the answer;
 *  3. a block whose checksum is lost is computed from the rest of its row, if each block of that
 *     agrees with its own: parity that isn't lost never disagrees with its data. From then on its
 *     checksum is known again;
 *  4. what can't be had is told as `ERR_CORRUPT`, by the array's own numbers and its members'
 *     names.
 *
 * A block may change while it is read. Then it is read again; a block is called wrong only when
 * what was expected of it is the same before and after.
 */

import { equalBytes } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import type { Member } from "./member.ts";
import { BLOCK_DATA, BLOCK_IN_PLACE, BLOCK_LOST, type PendingBlock } from "./pending-rows.ts";
import { arrayBytesAt, type RaidCore, rolesOfSlot, writersOfSlot, stretchOf } from "./raid-core.ts";
import type { Shaped } from "./shape.ts";

/** What is expected of a block. */
type Expected =
  /** It is zeroes that nobody wrote. */
  | { readonly kind: "hole" }
  | { readonly kind: "pending"; readonly bytes: Uint8Array }
  /** It is on the members, with this checksum. */
  | { readonly kind: "placed"; readonly crc: number }
  | { readonly kind: "lost" };

/** What an attempt without redundancy found. */
type Attempt = "read" | "hole" | "wrong" | "lost";

const hole: Expected = { kind: "hole" };
const lost: Expected = { kind: "lost" };

/** A block of a row that could not simply be read. */
interface WrongBlock {
  readonly index: number;
  readonly slot: number;
  readonly target: Uint8Array;
  /** Whose it is; undefined if nobody had it yet. One that is being rebuilt may have it by now. */
  readonly member: Member | undefined;
}

export class BlockReader {
  readonly #core: RaidCore;

  constructor(core: RaidCore) {
    this.#core = core;
  }

  /** Fills `target` with the block; takes the stripe's lock if it has to be recovered. */
  async read(row: number, slot: number, target: Uint8Array): Promise<void> {
    const attempt = await this.#attempt(row, slot, target);
    if (attempt === "read" || attempt === "hole") return;
    const { locks, shape } = this.#core;
    const stripe = shape.geometry.stripeOfRow(row);
    const lock = await locks.acquire(stripe, stripe + 1);
    try {
      await this.readLocked(row, slot, target);
    } finally {
      locks.release(lock);
    }
  }

  /** As `read`, for whoever holds the stripe's lock. False if the block is a hole. */
  async readLocked(row: number, slot: number, target: Uint8Array): Promise<boolean> {
    const attempt = await this.#attempt(row, slot, target);
    if (attempt === "read" || attempt === "hole") return attempt === "read";
    await this.recoverLocked(row, slot, target);
    return true;
  }

  /** Fills `target` from the rest of the row, and puts right whoever has the block wrong. */
  async recoverLocked(row: number, slot: number, target: Uint8Array): Promise<void> {
    const shaped = this.#core.shape.atRow(row);
    if (shaped.geometry.isMirror) await this.#recoverMirrored(row, target);
    else await this.#recoverFromParity(shaped, row, slot, target);
  }

  /** Whether the bytes are those that are expected of the block at this moment. */
  isCurrent(row: number, slot: number, bytes: Uint8Array): boolean {
    const expected = this.#expected(row, slot);
    return expected.kind === "placed" && this.#crc(bytes) === expected.crc;
  }

  /** The member to read the slot's row from; undefined if none holds it. */
  memberFor(row: number, slot: number): Member | undefined {
    const { members, shape } = this.#core;
    if (!shape.geometry.isMirror) return members.readable(slot, row);
    return this.#candidatesFor(row, slot)[0];
  }

  /** Tries one member: of several the first that is there, unless it is said which. */
  async #attempt(row: number, slot: number, target: Uint8Array, one?: Member): Promise<Attempt> {
    for (;;) {
      const expected = this.#expected(row, slot);
      if (expected.kind === "hole") {
        target.fill(0);
        return "hole";
      }
      if (expected.kind === "lost") return "lost";
      if (expected.kind === "pending") {
        target.set(expected.bytes);
        return "read";
      }
      const member = one ?? this.memberFor(row, slot);
      if (member !== undefined && (await this.#readFrom(member, row, expected.crc, target))) {
        return "read";
      }
      if (sameExpected(expected, this.#expected(row, slot))) return "wrong";
    }
  }

  async #readFrom(member: Member, row: number, crc: number, target: Uint8Array): Promise<boolean> {
    const { layout, members } = this.#core;
    const isRead = await members.read(member, layout.rowAt(row), target);
    return isRead && this.#crc(target) === crc;
  }

  /** The members that hold the slot's row, in the order in which they are asked. */
  #candidatesFor(row: number, slot: number): readonly Member[] {
    const { members, shape } = this.#core;
    const { geometry } = shape.atRow(row);
    const roles = rolesOfSlot(geometry, slot);
    const turn = stretchOf(geometry, row);
    const found: Member[] = [];
    for (let index = 0; index < roles.length; index++) {
      const role = roles[(index + turn) % roles.length] as number;
      const member = members.readable(role, row);
      if (member !== undefined) found.push(member);
    }
    return found;
  }

  #expected(row: number, slot: number): Expected {
    const { pending, table } = this.#core;
    const newest = pending.get(row, slot);
    if (newest !== undefined) return expectedOfPending(newest);
    if (!table.isWritten(row, slot)) return hole;
    if (table.isLost(row, slot)) return lost;
    return { kind: "placed", crc: table.crc(row, slot) };
  }

  /** Asks all members that hold the block, and puts it right on those that have it wrong. */
  async #recoverMirrored(row: number, target: Uint8Array): Promise<void> {
    const wrong: Member[] = [];
    let isFound = false;
    for (const member of this.#candidatesFor(row, 0)) {
      const bytes = new Uint8Array(target.length);
      const attempt = await this.#attempt(row, 0, bytes, member);
      if (attempt === "wrong") wrong.push(member);
      if (isFound || attempt === "wrong" || attempt === "lost") continue;
      target.set(bytes);
      isFound = true;
    }
    if (!isFound) throw this.#corrupt(row, [0]);
    for (const one of wrong) await this.#putRight(one, row, 0, target);
  }

  async #recoverFromParity(
    shaped: Shaped,
    row: number,
    slot: number,
    target: Uint8Array,
  ): Promise<void> {
    const { geometry, math } = shaped;
    const stripe = geometry.stripeOfRow(row);
    const { members } = this.#core;
    const own = geometry.indexOfSlot(stripe, slot);
    const wrong: WrongBlock[] = [{ index: own, slot, target, member: members.readable(slot, row) }];
    const blocks: (Uint8Array | undefined)[] = [];
    for (let other = 0; other < geometry.slotCount; other++) {
      if (other === slot) continue;
      const bytes = new Uint8Array(geometry.blockBytes);
      const member = members.readable(other, row);
      const attempt = await this.#attempt(row, other, bytes);
      const index = geometry.indexOfSlot(stripe, other);
      if (attempt === "read") blocks[index] = bytes;
      if (attempt === "wrong" || attempt === "lost") {
        wrong.push({ index, slot: other, target: bytes, member });
      }
    }
    const tried = geometry.parityCount < wrong.length ? await this.#lostOnes(row, wrong) : [];
    const unknown = wrong.filter((one) => !tried.includes(one));
    if (math === undefined || geometry.parityCount < unknown.length) {
      throw this.#corrupt(
        row,
        wrong.map((one) => one.slot),
      );
    }
    for (const one of tried) blocks[one.index] = one.target;
    const onDisk = target.slice();
    math.reconstruct(
      blocks,
      unknown.map(({ index }) => index),
      unknown.map((one) => one.target),
    );
    const isLost = this.#expected(row, slot).kind === "lost";
    if (isLost || 0 < tried.length) this.#refuseMore(row, wrong, tried);
    else if (!this.#agrees(row, slot, target)) {
      this.#believeMember(row, slot, target, onDisk, wrong);
    }
    for (const one of wrong) {
      if (this.#expected(row, one.slot).kind === "lost") {
        await this.#takeBack(shaped, row, one.slot, one.target);
        continue;
      }
      const { member } = one;
      if (member === undefined || member !== members.readable(one.slot, row)) continue;
      if (!this.#agrees(row, one.slot, one.target)) continue;
      await this.#putRight(member, row, one.slot, one.target);
    }
  }

  /**
   * Reads what members have of blocks that are lost: what lost its checksum only is right, and
   * others of the row can tell.
   */
  async #lostOnes(row: number, wrong: readonly WrongBlock[]): Promise<readonly WrongBlock[]> {
    const { layout, members } = this.#core;
    const found: WrongBlock[] = [];
    for (const one of wrong) {
      if (one.member === undefined || this.#expected(row, one.slot).kind !== "lost") continue;
      if (await members.read(one.member, layout.rowAt(row), one.target)) found.push(one);
    }
    return found;
  }

  /**
   * What was computed must agree with the checksums of all those of which one is known, and with
   * one at least if some were taken as they were.
   */
  #refuseMore(row: number, wrong: readonly WrongBlock[], tried: readonly WrongBlock[]): void {
    const known = wrong.filter(({ slot }) => this.#expected(row, slot).kind !== "lost");
    const isSound = known.every(({ slot, target }) => this.#agrees(row, slot, target));
    if (isSound && (tried.length === 0 || 0 < known.length)) return;
    throw this.#corrupt(
      row,
      wrong.map((one) => one.slot),
    );
  }

  /**
   * Puts in place what was computed of a block that was lost, and enters its checksum. Nothing has
   * to be journalled: until the entry is durable the block is computed again.
   */
  async #takeBack(shaped: Shaped, row: number, slot: number, bytes: Uint8Array): Promise<void> {
    const { layout, members, pending, table, world } = this.#core;
    // What is recorded as lost with a batch is so until that is in place.
    if (pending.get(row, slot) !== undefined) return;
    for (const member of writersOfSlot(this.#core, shaped.geometry, slot)) {
      await members.write(member, layout.rowAt(row), bytes);
      await members.sync(member);
    }
    await members.settled();
    if (pending.get(row, slot) !== undefined || !table.isLost(row, slot)) return;
    table.set(row, slot, this.#crc(bytes), members.record.event);
    world.trace.event("raid.checksum-repaired", { row, slot });
  }

  #agrees(row: number, slot: number, bytes: Uint8Array): boolean {
    const expected = this.#expected(row, slot);
    return expected.kind === "placed" && this.#crc(bytes) === expected.crc;
  }

  /** Where member and parity say the same, it is the table that is wrong. */
  #believeMember(
    row: number,
    slot: number,
    target: Uint8Array,
    onDisk: Uint8Array,
    wrong: readonly WrongBlock[],
  ): void {
    const { members, pending, table, world } = this.#core;
    const isOnDisk = members.readable(slot, row) !== undefined && equalBytes(onDisk, target);
    if (!isOnDisk || wrong.length > 1 || pending.get(row, slot) !== undefined) {
      throw this.#corrupt(
        row,
        wrong.map((one) => one.slot),
      );
    }
    table.set(row, slot, this.#crc(target), members.record.event);
    world.trace.event("raid.checksum-repaired", { row, slot });
  }

  async #putRight(member: Member, row: number, slot: number, bytes: Uint8Array): Promise<void> {
    const { layout, members, shape, world } = this.#core;
    await members.write(member, layout.rowAt(row), bytes);
    if (!(await members.sync(member))) return;
    members.putRight(member, layout.rowAt(row));
    world.trace.event("raid.block-repaired", {
      member: member.name,
      row,
      slot,
      at: arrayBytesAt(shape.atRow(row).geometry, row, slot),
    });
  }

  #corrupt(row: number, slots: readonly number[]): Fault {
    const { members, shape } = this.#core;
    // Nothing is wrong with the blocks of members that may come back.
    if (members.failure !== undefined) return members.failure;
    const { geometry } = shape.atRow(row);
    const ats = slots.map((slot) => arrayBytesAt(geometry, row, slot));
    const roles = slots.flatMap((slot) => rolesOfSlot(geometry, slot));
    const names = roles.map((role) => members.nameOf(role));
    const where = ats.flatMap((at) => (at === undefined ? [] : [at]));
    const message =
      `Cannot read ${geometry.blockBytes} bytes at ${where.join(" and at ")} of the array: what ` +
      `${names.map((name) => `"${name}"`).join(" and ")} should hold is wrong or missing, and ` +
      "the others cannot make up for it. Write these bytes again, from a backup";
    return new Fault("ERR_CORRUPT", message, { at: where, row, members: names });
  }

  #crc(bytes: Uint8Array): number {
    return this.#core.world.checksums.crc32(bytes, 0);
  }
}

function expectedOfPending({ kind, crc, bytes }: PendingBlock): Expected {
  if (kind === BLOCK_DATA && bytes !== undefined) return { kind: "pending", bytes };
  if (kind === BLOCK_IN_PLACE) return { kind: "placed", crc };
  return kind === BLOCK_LOST ? lost : hole;
}

function sameExpected(left: Expected, right: Expected): boolean {
  if (left.kind !== right.kind) return false;
  return left.kind !== "placed" || right.kind !== "placed" || left.crc === right.crc;
}
