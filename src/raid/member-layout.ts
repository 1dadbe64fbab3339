/**
 * What lies where on a member. All members of an array are laid out alike.
 *
 *     byte           what
 *     0              superblock, copy 0
 *     4096           superblock, copy 1
 *     8192           journal: a ring of `journalBytes`
 *     groups at      groups, one after the other, each the tables of its rows and then the rows
 *
 * A group has `groupTableBlocks` table blocks, each with the entries of the rows that one table
 * block holds, and a table block has a place for each copy (`tableCopies`) and for each of two
 * sides, which are written in turn. Because tables and rows are in groups, an array grows at its
 * end without anything being moved.
 */

import { assert } from "../base/assert.ts";
import { type GeometryOptions, parityCountOf } from "./geometry.ts";

/** A superblock copy has a place of this size. */
export const SUPERBLOCK_BYTES = 4096;
const JOURNAL_AT: number = 2 * SUPERBLOCK_BYTES;

export const TABLE_HEADER_BYTES = 32;
export const TABLE_ENTRY_BYTES = 8;

/**
 * What is overwritten whole, so that a torn write of it damages nothing else, has this at least.
 */
const UNIT_BYTES_MIN = 512;

export interface MemberLayoutOptions {
  readonly blockBytes: number;
  readonly journalBytes: number;
  readonly groupTableBlocks: number;
  readonly tableCopies: number;
}

export class MemberLayout {
  readonly blockBytes: number;
  /** The unit of the journal, and the size of a table block. */
  readonly unitBytes: number;
  readonly journalAt: number = JOURNAL_AT;
  readonly journalBytes: number;
  readonly groupsAt: number;
  readonly groupTableBlocks: number;
  readonly tableCopies: number;
  /** How many rows a table block has entries for. */
  readonly tableRows: number;
  readonly groupRows: number;
  /** The bytes of the tables of a group. */
  readonly groupTableBytes: number;
  readonly groupBytes: number;

  constructor(options: MemberLayoutOptions) {
    this.blockBytes = options.blockBytes;
    this.unitBytes = unitBytesOf(options.blockBytes);
    this.journalBytes = options.journalBytes;
    assert(this.journalBytes % this.unitBytes === 0, "a journal has whole units");
    this.groupsAt = roundUp(JOURNAL_AT + this.journalBytes, 4096);
    this.groupTableBlocks = options.groupTableBlocks;
    this.tableCopies = options.tableCopies;
    this.tableRows = (this.unitBytes - TABLE_HEADER_BYTES) / TABLE_ENTRY_BYTES;
    this.groupRows = this.tableRows * this.groupTableBlocks;
    this.groupTableBytes = this.groupTableBlocks * this.tableCopies * 2 * this.unitBytes;
    this.groupBytes = this.groupTableBytes + this.groupRows * this.blockBytes;
  }

  groupOfRow(row: number): number {
    return Math.floor(row / this.groupRows);
  }

  groupCount(rows: number): number {
    return Math.ceil(rows / this.groupRows);
  }

  /** Where a group begins, with its tables. */
  groupAt(group: number): number {
    return this.groupsAt + group * this.groupBytes;
  }

  /** Where the row's block is. */
  rowAt(row: number): number {
    const inGroup = (row % this.groupRows) * this.blockBytes;
    return this.groupAt(this.groupOfRow(row)) + this.groupTableBytes + inGroup;
  }

  /** The first row after `row` whose block doesn't follow that of the row before it. */
  runEnd(row: number): number {
    return (this.groupOfRow(row) + 1) * this.groupRows;
  }

  /** The table block that has the row's entries. */
  tableOfRow(row: number): number {
    return Math.floor(row / this.tableRows);
  }

  tableCount(rows: number): number {
    return Math.ceil(rows / this.tableRows);
  }

  /** Where a table block is, within the tables of its group. */
  tableAtInGroup(table: number, copy: number, side: number): number {
    const inGroup = (table % this.groupTableBlocks) * this.tableCopies;
    return ((inGroup + copy) * 2 + side) * this.unitBytes;
  }

  tableAt(table: number, copy: number, side: number): number {
    const group = Math.floor(table / this.groupTableBlocks);
    return this.groupAt(group) + this.tableAtInGroup(table, copy, side);
  }

  /** The bytes that a member must have for that many rows. */
  bytesFor(rows: number): number {
    return rows === 0 ? this.groupsAt : this.rowAt(rows - 1) + this.blockBytes;
  }

  /** How many rows fit into that many bytes. */
  rowsIn(bytes: number): number {
    const room = bytes - this.groupsAt;
    if (room <= 0) return 0;
    const groups = Math.floor(room / this.groupBytes);
    const rest = room - groups * this.groupBytes - this.groupTableBytes;
    return groups * this.groupRows + Math.max(0, Math.floor(rest / this.blockBytes));
  }
}

/** How many members hold each table block, besides those of a mirror, which hold all. */
export function tableCopiesOf(geometry: Pick<GeometryOptions, "level">): number {
  return parityCountOf(geometry.level) + 1;
}

export function unitBytesOf(blockBytes: number): number {
  return Math.max(UNIT_BYTES_MIN, blockBytes);
}

export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
