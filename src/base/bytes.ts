/** Small operations on bytes, shared by all that handle keys and values. */

/** Compares as unsigned bytes, a prefix before what it is a prefix of: < 0, 0 or > 0. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  return compareRanges(left, 0, left.length, right, 0, right.length);
}

/** `compareBytes` of `left[leftAt, leftAt + leftLength)` and the same of `right`. */
export function compareRanges(
  left: Uint8Array,
  leftAt: number,
  leftLength: number,
  right: Uint8Array,
  rightAt: number,
  rightLength: number,
): number {
  const shared = leftLength < rightLength ? leftLength : rightLength;
  for (let index = 0; index < shared; index++) {
    const difference = (left[leftAt + index] as number) - (right[rightAt + index] as number);
    if (difference !== 0) return difference;
  }
  return leftLength - rightLength;
}

/** How many bytes `left[0, leftBytes)` and `right` have in common at their beginnings. */
export function commonBytes(left: Uint8Array, leftBytes: number, right: Uint8Array): number {
  const limit = Math.min(leftBytes, right.length);
  let length = 0;
  while (length < limit && left[length] === right[length]) length++;
  return length;
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  const words = left.length < WORDWISE_BYTES_MIN || !isInWords(left, right) ? 0 : left.length >> 2;
  return equalWords(left, right, words) && equalFrom(left, right, words << 2);
}

/** Below, it takes longer to make views of the words. */
const WORDWISE_BYTES_MIN = 256;

function isInWords(left: Uint8Array, right: Uint8Array): boolean {
  return ((left.byteOffset | right.byteOffset) & 3) === 0;
}

function equalWords(left: Uint8Array, right: Uint8Array, count: number): boolean {
  if (count === 0) return true;
  const ours = new Int32Array(left.buffer, left.byteOffset, count);
  const theirs = new Int32Array(right.buffer, right.byteOffset, count);
  for (let index = 0; index < count; index++) if (ours[index] !== theirs[index]) return false;
  return true;
}

function equalFrom(left: Uint8Array, right: Uint8Array, from: number): boolean {
  for (let index = from; index < left.length; index++) {
    if (left[index] !== right[index]) return false;
  }
  return true;
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** The bytes, with those that are not printable ASCII as `\xNN`, for messages. */
export function printable(bytes: Uint8Array, lengthMax = 80): string {
  let text = "";
  for (const byte of bytes.subarray(0, lengthMax)) {
    const plain = 0x20 <= byte && byte < 0x7f && byte !== 0x5c;
    text += plain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return bytes.length > lengthMax ? `${text}...` : text;
}

/** One character a byte. Strings made so sort as their bytes and serve as keys of a `Map`. */
export function latin1(bytes: Uint8Array, at = 0, length: number = bytes.length - at): string {
  const end = at + length;
  let text = "";
  let index = at;
  // Eight at a call: spreading the bytes into one call is five to seven times slower.
  for (; index + 8 <= end; index += 8) {
    text += String.fromCharCode(
      bytes[index] as number,
      bytes[index + 1] as number,
      bytes[index + 2] as number,
      bytes[index + 3] as number,
      bytes[index + 4] as number,
      bytes[index + 5] as number,
      bytes[index + 6] as number,
      bytes[index + 7] as number,
    );
  }
  for (; index < end; index++) text += String.fromCharCode(bytes[index] as number);
  return text;
}

/** The inverse of `latin1`. */
export function fromLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}

/** The first key after all keys that begin with `prefix`, or undefined where there is none. */
export function prefixEnd(prefix: Uint8Array): Uint8Array | undefined {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return undefined;
  const end = prefix.slice(0, length);
  end[length - 1] = (end[length - 1] as number) + 1;
  return end;
}

/** A 32-bit hash of a range of bytes, for filters and tables in memory (FNV-1a, then mixed). */
export function hashBytes(bytes: Uint8Array, at: number, length: number): number {
  let hash = 0x811c9dc5;
  for (let index = at; index < at + length; index++) {
    hash = Math.imul(hash ^ (bytes[index] as number), 0x01000193);
  }
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 12)) >>> 0;
}

/** Up to this length a loop is faster than making a view for `set`. */
const LOOP_BYTES_MAX = 24;

/** Copies `source[at, at + length)` to `target[targetAt, ...)`. The two must not overlap. */
export function copyBytes(
  target: Uint8Array,
  targetAt: number,
  source: Uint8Array,
  at: number,
  length: number,
): void {
  if (length > LOOP_BYTES_MAX) {
    target.set(source.subarray(at, at + length), targetAt);
    return;
  }
  for (let index = 0; index < length; index++) {
    target[targetAt + index] = source[at + index] as number;
  }
}

/** A copy that shares nothing with `source`, which may be a Buffer, whose `slice` is a view. */
export function ownBytes(
  source: Uint8Array,
  at = 0,
  length: number = source.length - at,
): Uint8Array {
  const owned = new Uint8Array(length);
  copyBytes(owned, 0, source, at, length);
  return owned;
}
