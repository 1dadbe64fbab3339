/**
 * The rows in which the Redis door keeps its data, to the byte. All keys begin with 0x02.
 *
 *     key                                                   value
 *     02 <database: 4> 6d 'm' <key>                         the row of a key, see below
 *     02 <database: 4> 73 's' <version: 8> <field>          a sub-row of a collection
 *     02 <database: 4> 74 't' <deadline: 8> <key>           empty: the key may have this deadline
 *     02 ff ff ff ff   64 'd' <logical index: 4>            <database: 4> which it is now
 *     02 ff ff ff ff   6e 'n'                               <database: 4> the next to be given
 *     02 ff ff ff ff   72 'r' <database: 4>                 empty: its rows are to be removed
 *
 * Numbers in keys are big-endian, so that they sort; numbers in values are little-endian. A logical
 * database (SELECT 3) is, until FLUSHDB or SWAPDB say otherwise, the database of its own index; new
 * ones count from `FIRST_NEW_DATABASE` and none is ever given twice.
 *
 * The row of a key, from which its type is known without its sub-rows, and which every change of
 * the key writes anew, so that the version of the row is the version of the key:
 *
 *     offset  bytes  field
 *          0      1  type      1 string
 *          1      1  flags     bit 0: a deadline follows
 *          2      8  deadline  milliseconds since 1970, int64, if flagged
 *          .      n  payload   of a string: the string
 *
 * A collection will have 8 bytes here that name its sub-rows; renaming or removing it then never
 * touches them. A row under 't' may outlive its deadline's change; it is believed only if the row
 * of the key agrees. A key with a deadline always has one.
 */

import { assert } from "../base/assert.ts";

export const REDIS_SPACE = 0x02;
export const KEY_ROWS = 0x6d;
export const DEADLINE_ROWS = 0x74;
export const DATABASE_ROWS = 0x64;
export const NEXT_DATABASE_ROW = 0x6e;
export const RECLAIM_ROWS = 0x72;

/** `02 <database: 4> <kind>`: what the rows of one kind in one database have in common. */
export const PREFIX_BYTES = 6;
export const DEADLINE_BYTES = 8;
/** How much longer the longest encoded key is than the key as the client knows it. */
export const KEY_OVERHEAD_BYTES: number = PREFIX_BYTES + DEADLINE_BYTES;

/** The pseudo-database of the door's own rows. */
export const DOOR_DATABASE = 0xffff_ffff;
export const FIRST_NEW_DATABASE = 0x1_0000;

export const TYPE_STRING = 1;
export const FLAG_DEADLINE = 1;
export const HEADER_BYTES = 2;

/** How TYPE calls a type. */
export function typeName(type: number): string {
  return type === TYPE_STRING ? "string" : "unknown";
}

export function writePrefix(target: Uint8Array, database: number, kind: number): void {
  target[0] = REDIS_SPACE;
  writeBigEndian(target, 1, database);
  target[5] = kind;
}

/** The bytes `02 <database> <kind> <suffix as 4 bytes>`. */
export function rowKey(database: number, kind: number, suffix?: number): Uint8Array {
  const key = new Uint8Array(suffix === undefined ? PREFIX_BYTES : PREFIX_BYTES + 4);
  writePrefix(key, database, kind);
  if (suffix !== undefined) writeBigEndian(key, PREFIX_BYTES, suffix);
  return key;
}

export function writeBigEndian(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

export function readBigEndian(source: Uint8Array, at: number): number {
  const high = ((source[at] as number) << 8) | (source[at + 1] as number);
  const low = ((source[at + 2] as number) << 8) | (source[at + 3] as number);
  return high * 0x1_0000 + low;
}

export function writeLittleEndian(target: Uint8Array, at: number, value: number): void {
  target[at] = value;
  target[at + 1] = value >>> 8;
  target[at + 2] = value >>> 16;
  target[at + 3] = value >>> 24;
}

export function readLittleEndian(source: Uint8Array, at: number): number {
  const low = (source[at] as number) | ((source[at + 1] as number) << 8);
  const high = (source[at + 2] as number) | ((source[at + 3] as number) << 8);
  return high * 0x1_0000 + low;
}

/** A deadline as the value of a row has it. */
export function writeDeadline(target: Uint8Array, at: number, deadlineMs: number): void {
  assert(0 < deadlineMs, "a deadline that has passed long ago is not stored");
  writeLittleEndian(target, at, deadlineMs % 0x1_0000_0000);
  writeLittleEndian(target, at + 4, Math.floor(deadlineMs / 0x1_0000_0000));
}

export function readDeadline(source: Uint8Array, at: number): number {
  return readLittleEndian(source, at + 4) * 0x1_0000_0000 + readLittleEndian(source, at);
}

/** A deadline as a key has it. */
export function writeSortedDeadline(target: Uint8Array, at: number, deadlineMs: number): void {
  writeBigEndian(target, at, Math.floor(deadlineMs / 0x1_0000_0000));
  writeBigEndian(target, at + 4, deadlineMs % 0x1_0000_0000);
}

export function readSortedDeadline(source: Uint8Array, at: number): number {
  return readBigEndian(source, at) * 0x1_0000_0000 + readBigEndian(source, at + 4);
}
