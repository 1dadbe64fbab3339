/**
 * Reads the checksum table when an array is assembled: of each table block the newest that the
 * record's checkpoint covers, wherever it is. Copies that are wrong or behind are written again
 * with the next checkpoint.
 *
 * The next checkpoint writes the other side of all copies. Where a crash left one of them on the
 * other side only, it is first put on the side where all have it.
 *
 * The record has a digest over what should have been found. If it differs, then some table block's
 * newest side is gone everywhere: those of which a side is damaged are marked as lost, to be had
 * from the rest of their rows where that can be, and if there is none, nobody can say which it is,
 * and the array is refused. A table block that only members have that were taken by force though
 * they are behind may be an old one, and counts as damaged.
 */

import { Fault } from "../base/fault.ts";
import { FORCE_IT } from "./assembly.ts";
import { allDone } from "./all-done.ts";
import { tableHolders } from "./checkpointer.ts";
import type { TablePlace } from "./checksum-table.ts";
import type { Member } from "./member.ts";
import type { RaidCore } from "./raid-core.ts";
import { equalHashes } from "./superblock.ts";

/** A copy of the table block that counts. */
interface Holding {
  readonly member: Member;
  readonly copy: number;
  readonly side: number;
}

/** What the holders of a table block have. */
interface Candidates {
  /** The newest that counts. */
  sequence: number;
  side: number;
  bytes: Uint8Array | undefined;
  /** Where it is. */
  holdings: Holding[];
  isDamaged: boolean;
  /** Whether there is one that doesn't count, and would when the sequence has passed it. */
  isAhead: boolean;
}

export interface LoadedTable {
  /** The highest sequence seen, whether it counts or not. */
  readonly sequenceMax: number;
  /** Whether entries are lost by it. */
  readonly isLost: boolean;
}

export class TableLoader {
  readonly #core: RaidCore;
  #sequenceMax = 0;
  readonly #suspects: TablePlace[] = [];
  readonly #takenBehind: ReadonlySet<Member>;
  /** Writes of copies that are not on the side where the others are. */
  readonly #aligning: (() => Promise<boolean>)[] = [];

  constructor(core: RaidCore, takenBehind: ReadonlySet<Member>) {
    this.#core = core;
    this.#takenBehind = takenBehind;
  }

  async load(force: boolean): Promise<LoadedTable> {
    const { layout, members, table } = this.#core;
    for (let group = 0; group < layout.groupCount(table.rows); group++)
      await this.#loadGroup(group);
    for (const align of this.#aligning.splice(0)) await align();
    await members.syncAll();
    const isLost = !equalHashes(table.digest, members.record.tableDigest);
    if (isLost) this.#distrust(force);
    return { sequenceMax: Math.max(this.#sequenceMax, members.record.tableSequence), isLost };
  }

  async #loadGroup(group: number): Promise<void> {
    const { layout, members, table } = this.#core;
    const bytesOf = new Map<Member, Uint8Array>();
    await allDone(
      members.seated().map(async (member) => {
        const bytes = new Uint8Array(layout.groupTableBytes);
        if (await members.readScratch(member, layout.groupAt(group), bytes))
          bytesOf.set(member, bytes);
      }),
    );
    const first = group * layout.groupTableBlocks;
    const end = Math.min(first + layout.groupTableBlocks, layout.tableCount(table.rows));
    for (let slot = 0; slot < table.slotCount; slot++) {
      for (let index = first; index < end; index++) this.#choose({ slot, table: index }, bytesOf);
    }
  }

  #choose(place: TablePlace, bytesOf: ReadonlyMap<Member, Uint8Array>): void {
    const { members, table } = this.#core;
    const found: Candidates = {
      sequence: 0,
      side: 0,
      bytes: undefined,
      holdings: [],
      isDamaged: false,
      isAhead: false,
    };
    const expected: Member[] = [];
    for (const { role, copy } of tableHolders(this.#core, place.slot)) {
      const { member, replacement } = members.seat(role);
      for (const holder of [member, replacement]) {
        if (holder === undefined) continue;
        expected.push(holder);
        this.#look(place, copy, holder, bytesOf.get(holder), found);
      }
    }
    if (found.bytes !== undefined) table.load(place, found.bytes);
    table.commit(place, found.side, found.sequence);
    this.#align(place, found);
    const isBehind = (holder: Member): boolean =>
      !found.holdings.some(({ member }) => member === holder);
    const isOdd = found.isDamaged || found.isAhead;
    if (isOdd || (0 < found.sequence && expected.some(isBehind))) table.markDirty(place);
    if (found.isDamaged || this.#isOld(expected)) this.#suspects.push(place);
  }

  /** A mirror that is behind is as it was when it left, and nothing could make up for it. */
  #isOld(holders: readonly Member[]): boolean {
    if (this.#core.shape.geometry.parityCount === 0) return false;
    return holders.every((holder) => this.#takenBehind.has(holder));
  }

  /** Looks at both sides that a member has. */
  #look(
    place: TablePlace,
    copy: number,
    member: Member,
    bytes: Uint8Array | undefined,
    found: Candidates,
  ): void {
    const { layout, members, table } = this.#core;
    if (bytes === undefined) {
      found.isDamaged = true;
      return;
    }
    for (const side of [0, 1]) {
      const at = layout.tableAtInGroup(place.table, copy, side);
      const one = table.inspect(place, bytes.subarray(at, at + layout.unitBytes));
      if (one.kind === "damaged") found.isDamaged = true;
      if (one.kind !== "valid") continue;
      this.#sequenceMax = Math.max(this.#sequenceMax, one.sequence);
      // One that is newer is of a checkpoint that did not come to its end.
      if (members.record.tableSequence < one.sequence) {
        found.isAhead = true;
        continue;
      }
      if (found.sequence < one.sequence) {
        found.holdings = [];
        found.sequence = one.sequence;
        found.side = side;
        found.bytes = one.bytes;
      }
      if (found.sequence === one.sequence) found.holdings.push({ member, copy, side });
    }
  }

  #align({ table }: TablePlace, { bytes, holdings, side }: Candidates): void {
    const { layout, members } = this.#core;
    if (bytes === undefined) return;
    const aligned = new Set(holdings.filter((one) => one.side === side).map((one) => one.member));
    for (const { member, copy } of holdings) {
      if (aligned.has(member)) continue;
      const at = layout.tableAt(table, copy, side);
      this.#aligning.push(async () => await members.write(member, at, bytes));
    }
  }

  #distrust(force: boolean): void {
    const { table, world } = this.#core;
    for (const place of this.#suspects) {
      table.lose(place);
      world.trace.event("raid.table-lost", { slot: place.slot, table: place.table });
    }
    if (this.#suspects.length > 0 || force) return;
    throw new Fault(
      "ERR_CORRUPT",
      "The checksums of the array aren't those that its superblock names, so that a member has " +
        `lost a write: find the missing members, or ${FORCE_IT}, which may show old data`,
    );
  }
}
