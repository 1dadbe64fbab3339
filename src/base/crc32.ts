/**
 * CRC-32 with zlib's polynomial, in plain code: the checksum of log batches and frames.
 *
 * Eight tables of 256 entries take eight bytes at a step ("slicing by eight"), because a table of
 * single bytes is several times slower.
 */

const POLYNOMIAL = 0xedb88320;
const SLICES = 8;

/** CRC-32 with zlib's polynomial, continued from `seed` (0 to begin). */
export type Crc32 = (bytes: Uint8Array, seed: number) => number;

const TABLES: Int32Array = crc32Tables(SLICES);

/** The checksum of `bytes`, continued from `seed`: 0, or the checksum of what came before. */
export function crc32(bytes: Uint8Array, seed: number): number {
  const tables = TABLES;
  const length = bytes.length;
  let crc = ~seed;
  let at = 0;
  for (; at + 8 <= length; at += 8) {
    const first = crc ^ word(bytes, at);
    const second = word(bytes, at + 4);
    crc =
      (tables[1792 + (first & 0xff)] as number) ^
      (tables[1536 + ((first >>> 8) & 0xff)] as number) ^
      (tables[1280 + ((first >>> 16) & 0xff)] as number) ^
      (tables[1024 + (first >>> 24)] as number) ^
      (tables[768 + (second & 0xff)] as number) ^
      (tables[512 + ((second >>> 8) & 0xff)] as number) ^
      (tables[256 + ((second >>> 16) & 0xff)] as number) ^
      (tables[second >>> 24] as number);
  }
  for (; at < length; at++) {
    crc = (tables[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}

/** The four bytes at `at` as a little-endian number. */
function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** `[256 * slice + byte]` is what `byte` does to the checksum `slice` bytes further on. */
export function crc32Tables(slices: number): Int32Array {
  const tables = new Int32Array(256 * slices);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    tables[byte] = crc;
  }
  for (let index = 256; index < tables.length; index++) {
    const before = tables[index - 256] as number;
    tables[index] = (before >>> 8) ^ (tables[before & 0xff] as number);
  }
  return tables;
}
