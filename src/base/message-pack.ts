/**
 * What the writer and the reader of structured values agree on: the part of MessagePack that
 * JavaScript's values need. To the byte in docs/formats/values.md.
 *
 *     c0        null             90..9f dc dd   array
 *     c2 c3     false, true      80..8f de df   object; its keys are strings
 *     00..7f e0..ff cc..d3       integer that a number holds exactly; the shortest is written
 *     cb        any other number, as a double
 *     a0..bf d9 da db   string   c4 c5 c6       bytes
 *
 * and as extensions `undefined`, bigints, maps, sets, and dates (MessagePack's own timestamp).
 * All that is longer than a byte is big-endian, as MessagePack has it.
 */

export const NIL = 0xc0;
export const FALSE = 0xc2;
export const TRUE = 0xc3;
export const FLOAT_64 = 0xcb;

/** The codes of lengths of 8, 16 and 32 bits follow each other; arrays and maps have no 8. */
export const BYTES_8 = 0xc4;
export const EXTENSION_8 = 0xc7;
export const EXTENSION_32 = 0xc9;
export const UNSIGNED_8 = 0xcc;
export const SIGNED_8 = 0xd0;
/** Extensions of 1, 2, 4, 8 and 16 bytes. */
export const EXTENSION_FIXED = 0xd4;
export const STRING_8 = 0xd9;
export const ARRAY_16 = 0xdc;
export const MAP_16 = 0xde;

export const FIXED_MAP = 0x80;
export const FIXED_ARRAY = 0x90;
export const FIXED_STRING = 0xa0;
export const NEGATIVE_FIXED = 0xe0;

/** The types of extensions. What they hold is said beside each. */
export const EXTENSION = {
  /** One byte, zero. */
  undefined: 0,
  /** Two's complement, big-endian, the fewest bytes, at least one. */
  bigint: 1,
  /** Keys and values by turns, as an array. */
  map: 2,
  /** The elements, as an array. */
  set: 3,
  /** MessagePack's timestamp, -1. */
  date: 0xff,
} as const;

/** How deep arrays, objects, maps and sets may lie within each other. */
export const NESTING_MAX = 128;

/** A bound that engines can hold and hostile bytes cannot pass. */
export const BIGINT_BYTES_MAX: number = 1 << 20;

export const WORD: number = 2 ** 32;
