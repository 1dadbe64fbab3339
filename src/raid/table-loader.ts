/**
 * Reads the checksum table when an array is assembled: of each table block the newest that the
 * record's checkpoint covers, wherever it is. Copies that are wrong or behind are written again
 * with the next checkpoint.
 *
 * The record has a digest over what should have been found. If it differs, then some table block's
 * newest side is gone everywhere: those of which a side is damaged are marked as lost, to be had
 * from the rest of their rows where that can be, and if there is none, nobody can say which it is,
 * and the array is refused.
 */

import { Fault } from "../base/fault.ts";
import { tableHolders } from "./checkpointer.ts";
import type { TablePlace } from "./checksum-table.ts";
import type { Member } from "./member.ts";
import type { RaidCore } from "./raid-core.ts";
import { equalHashes } from "./superblock.ts";

/** What the holders of a table block have. */
interface Candidates {
  /** The newest that counts. */
  sequence: number;
  side: number;
  bytes: Uint8Array | undefined;
  /** Members that have it. */
  readonly holders: Set<Member>;
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

  constructor(core: RaidCore) {
    this.#core = core;
  }

  async load(force: boolean): Promise<LoadedTable> {
    const { layout, members, table } = this.#core;
    for (let group = 0; group < layout.groupCount(table.rows); group++)
      await this.#loadGroup(group);
    const isLost = !equalHashes(table.digest, members.record.tableDigest);
    if (isLost) this.#distrust(force);
    return { sequenceMax: Math.max(this.#sequenceMax, members.record.tableSequence), isLost };
  }

  async #loadGroup(group: number): Promise<void> {
    const { layout, members, table } = this.#core;
    const bytesOf = new Map<Member, Uint8Array>();
    await Promise.all(
      members.seated().map(async (member) => {
        const bytes = new Uint8Array(layout.groupTableBytes);
        if (await members.read(member, layout.groupAt(group), bytes)) bytesOf.set(member, bytes);
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
      holders: new Set(),
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
    const isBehind = (member: Member): boolean => !found.holders.has(member);
    const isOdd = found.isDamaged || found.isAhead;
    if (isOdd || (0 < found.sequence && expected.some(isBehind))) table.markDirty(place);
    if (found.isDamaged) this.#suspects.push(place);
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
        found.holders.clear();
        found.sequence = one.sequence;
        found.side = side;
        found.bytes = one.bytes;
      }
      if (found.sequence === one.sequence) found.holders.add(member);
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
        "lost a write: find the missing members, or force it, which may show old data",
    );
  }
}
