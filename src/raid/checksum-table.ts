/**
 * What every block of every slot should hold, apart from the blocks: a CRC-32 and the event at
 * which it was last put in place. It says what is durably in place, and nothing of what is pending.
 *
 * Event 0: never written, or trimmed; the block is zeroes, whatever the disk holds. The greatest
 * event: lost; it can't be had back until it is written again.
 *
 * On disk a table block holds the entries of some rows of one slot. It has two sides that are
 * written in turn, so that a torn write leaves the other; a checkpoint counts only when a
 * superblock names it (`tableSequence`). The superblock also has a digest over all table blocks of
 * its checkpoint, so that an old side isn't taken for the newest where that was lost. All numbers
 * are little-endian:
 *
 *     offset  bytes  field
 *          0      4  magic       "HfTB"
 *          4      4  checksum    CRC-32 of all that follows, continued from that of the array id
 *          8      4  slot
 *         12      4  zero
 *         16      8  index       of the table block in its slot
 *         24      8  sequence    of the checkpoint that wrote it
 *         32      .  entries     CRC-32 (4) and event (4) of each row, zeroes past the last row
 */

import { getU64, setU64 } from "../base/u64.ts";
import type { Checksums } from "../world/world.ts";
import { type MemberLayout, TABLE_ENTRY_BYTES, TABLE_HEADER_BYTES } from "./member-layout.ts";
import type { PlacedStripe } from "./pending-rows.ts";
import type { Hash64 } from "./superblock.ts";

export const EVENT_NONE = 0;
export const EVENT_LOST = 0xffff_ffff;

const MAGIC = 0x42546648; // "HfTB"
const CHECKED_AT = 8;

/** One table block in its slot. */
export interface TablePlace {
  readonly slot: number;
  readonly table: number;
}

/** What was found where a side of a table block should be. */
export type FoundTable =
  | { readonly kind: "valid"; readonly sequence: number; readonly bytes: Uint8Array }
  | { readonly kind: "empty" }
  | { readonly kind: "damaged" };

interface SlotTable {
  crcs: Uint32Array;
  events: Uint32Array;
  /** For each table block: the sequence of what is on disk, and on which side. */
  sequences: Float64Array;
  sides: Uint8Array;
  readonly dirty: Set<number>;
}

export class ChecksumTable {
  readonly #layout: MemberLayout;
  readonly #checksums: Checksums;
  readonly #seed: number;
  readonly #slots: SlotTable[] = [];
  #rows = 0;
  #digestLow = 0;
  #digestHigh = 0;
  readonly #digested = new Uint8Array(24);

  constructor(layout: MemberLayout, arrayId: Uint8Array, checksums: Checksums) {
    this.#layout = layout;
    this.#checksums = checksums;
    this.#seed = checksums.crc32(arrayId, 0);
  }

  get rows(): number {
    return this.#rows;
  }

  get slotCount(): number {
    return this.#slots.length;
  }

  /** Over all table blocks as they were committed. */
  get digest(): Hash64 {
    return { low: this.#digestLow >>> 0, high: this.#digestHigh >>> 0 };
  }

  /** Makes room; what is new was never written. */
  resize(rows: number, slotCount: number): void {
    this.#rows = rows;
    while (this.#slots.length < slotCount) this.#slots.push(emptySlot());
    const tables = this.#layout.tableCount(rows);
    for (const slot of this.#slots) {
      slot.crcs = grown(slot.crcs, new Uint32Array(rows));
      slot.events = grown(slot.events, new Uint32Array(rows));
      slot.sides = grown(slot.sides, new Uint8Array(tables));
      const sequences = new Float64Array(tables);
      sequences.set(slot.sequences.subarray(0, tables));
      slot.sequences = sequences;
    }
  }

  crc(row: number, slot: number): number {
    return this.#slot(slot).crcs[row] as number;
  }

  event(row: number, slot: number): number {
    return this.#slot(slot).events[row] as number;
  }

  isWritten(row: number, slot: number): boolean {
    return this.event(row, slot) !== EVENT_NONE;
  }

  isLost(row: number, slot: number): boolean {
    return this.event(row, slot) === EVENT_LOST;
  }

  /** Whether no block of the row was written. */
  isFresh(row: number): boolean {
    for (let slot = 0; slot < this.#slots.length; slot++) {
      if (this.event(row, slot) !== EVENT_NONE) return false;
    }
    return true;
  }

  set(row: number, slot: number, crc: number, event: number): void {
    const entries = this.#slot(slot);
    entries.crcs[row] = crc;
    entries.events[row] = event;
    entries.dirty.add(this.#layout.tableOfRow(row));
  }

  /** As `set`, for all blocks of the stripe. */
  setStripe({ firstRow: row, rowCount, crcs }: PlacedStripe, event: number): void {
    for (let slot = 0; slot * rowCount < crcs.length; slot++) {
      const entries = this.#slot(slot);
      entries.crcs.set(crcs.subarray(slot * rowCount, (slot + 1) * rowCount), row);
      entries.events.fill(event, row, row + rowCount);
      const last = this.#layout.tableOfRow(row + rowCount - 1);
      for (let table = this.#layout.tableOfRow(row); table <= last; table++) {
        entries.dirty.add(table);
      }
    }
  }

  /** Has the table block written with the next checkpoint. */
  markDirty({ slot, table }: TablePlace): void {
    this.#slot(slot).dirty.add(table);
  }

  /** All table blocks that a checkpoint has to write; they count as clean from now on. */
  takeDirty(): readonly TablePlace[] {
    const places: TablePlace[] = [];
    for (const [slot, { dirty }] of this.#slots.entries()) {
      for (const table of [...dirty].toSorted((left, right) => left - right)) {
        places.push({ slot, table });
      }
      dirty.clear();
    }
    return places;
  }

  sequence({ slot, table }: TablePlace): number {
    return this.#slot(slot).sequences[table] as number;
  }

  /** The side that holds what was committed. */
  side({ slot, table }: TablePlace): number {
    return this.#slot(slot).sides[table] as number;
  }

  /** Takes note of what is on disk: of a block that was written, or found. */
  commit(place: TablePlace, side: number, sequence: number): void {
    const slot = this.#slot(place.slot);
    this.#digest(place, slot.sequences[place.table] as number);
    this.#digest(place, sequence);
    slot.sequences[place.table] = sequence;
    slot.sides[place.table] = side;
  }

  encode(place: TablePlace, sequence: number, target: Uint8Array): void {
    const { crcs, events } = this.#slot(place.slot);
    const view = new DataView(target.buffer, target.byteOffset, target.length);
    target.fill(0);
    view.setUint32(0, MAGIC, true);
    view.setUint32(8, place.slot, true);
    setU64(view, 16, place.table);
    setU64(view, 24, sequence);
    const first = place.table * this.#layout.tableRows;
    const count = Math.min(this.#layout.tableRows, this.#rows - first);
    for (let index = 0; index < count; index++) {
      const at = TABLE_HEADER_BYTES + index * TABLE_ENTRY_BYTES;
      view.setUint32(at, crcs[first + index] as number, true);
      view.setUint32(at + 4, events[first + index] as number, true);
    }
    view.setUint32(4, this.#checksums.crc32(target.subarray(CHECKED_AT), this.#seed), true);
  }

  inspect(place: TablePlace, bytes: Uint8Array): FoundTable {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (view.getUint32(0, true) !== MAGIC) {
      return { kind: bytes.every((byte) => byte === 0) ? "empty" : "damaged" };
    }
    const checksum = this.#checksums.crc32(bytes.subarray(CHECKED_AT), this.#seed);
    if (checksum !== view.getUint32(4, true)) return { kind: "damaged" };
    // One that was of another slot before the array was grown by a member is as good as none.
    if (view.getUint32(8, true) !== place.slot) return { kind: "empty" };
    if (getU64(view, 16) !== place.table) return { kind: "damaged" };
    return { kind: "valid", sequence: getU64(view, 24), bytes };
  }

  /** Takes the entries from the bytes of a valid table block. */
  load({ slot, table }: TablePlace, bytes: Uint8Array): void {
    const { crcs, events } = this.#slot(slot);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const first = table * this.#layout.tableRows;
    const count = Math.min(this.#layout.tableRows, this.#rows - first);
    for (let index = 0; index < count; index++) {
      const at = TABLE_HEADER_BYTES + index * TABLE_ENTRY_BYTES;
      crcs[first + index] = view.getUint32(at, true);
      events[first + index] = view.getUint32(at + 4, true);
    }
  }

  /** Marks every entry of the table block as lost. */
  lose(place: TablePlace): void {
    const first = place.table * this.#layout.tableRows;
    const end = Math.min(first + this.#layout.tableRows, this.#rows);
    for (let row = first; row < end; row++) this.set(row, place.slot, 0, EVENT_LOST);
  }

  #digest({ slot, table }: TablePlace, sequence: number): void {
    if (sequence === 0) return;
    const bytes = this.#digested;
    const view = new DataView(bytes.buffer);
    setU64(view, 0, slot);
    setU64(view, 8, table);
    setU64(view, 16, sequence);
    this.#checksums.xxh64(bytes, 0, 0);
    this.#digestLow ^= this.#checksums.xxh64Low;
    this.#digestHigh ^= this.#checksums.xxh64High;
  }

  #slot(slot: number): SlotTable {
    return this.#slots[slot] as SlotTable;
  }
}

function emptySlot(): SlotTable {
  return {
    crcs: new Uint32Array(0),
    events: new Uint32Array(0),
    sequences: new Float64Array(0),
    sides: new Uint8Array(0),
    dirty: new Set(),
  };
}

function grown<Numbers extends Uint8Array | Uint32Array>(old: Numbers, fresh: Numbers): Numbers {
  fresh.set(old.subarray(0, fresh.length));
  return fresh;
}
