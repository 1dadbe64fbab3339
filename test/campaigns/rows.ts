/** Random keys and values of all the kinds that a store treats differently. */

import type { SeededRandom } from "../../src/base/random.ts";

/** Of the rows of the library, and of two kinds of rows of Redis, which are counted apart. */
export const CENSUS_PREFIXES: readonly Uint8Array[] = [
  Uint8Array.of(1),
  Uint8Array.of(2, 0, 0, 0, 0, 1),
  Uint8Array.of(2, 0, 0, 0, 0, 2),
];

const LONG_KEY_BYTES = [900, 2000, 4090, 8192];

/** One of about `keyCount` keys, a few of them long. */
export function randomKey(random: SeededRandom, keyCount: number): Uint8Array {
  const prefix = CENSUS_PREFIXES[random.below(CENSUS_PREFIXES.length)] as Uint8Array;
  const number = random.below(keyCount);
  const length = number % 29 === 7 ? (LONG_KEY_BYTES[number % 4] as number) : prefix.length + 3;
  const key = new Uint8Array(length).fill(0x6b);
  key.set(prefix);
  key[length - 2] = number >>> 8;
  key[length - 1] = number;
  return key;
}

/** Empty, within a page, in an extent of one page or of several. No two are the same. */
export function randomValue(random: SeededRandom, bytesMax: number): Uint8Array {
  const kind = random.below(100);
  let length = 8 + random.below(120);
  if (kind < 3) length = 0;
  if (kind >= 60) length = 8 + random.below(3000);
  if (kind >= 82) length = 4096 + random.below(4000);
  if (kind >= 94) length = 16_384 + random.below(20_000);
  const value = new Uint8Array(Math.min(length, bytesMax));
  random.fill(value.subarray(0, 8));
  value.fill(random.below(256), 8);
  return value;
}
