/**
 * Natural numbers as 8 bytes, little-endian. In memory they are safe integers, so what comes from
 * outside and is larger is refused rather than rounded.
 */

const HIGH = 2 ** 32;
/** The high halves of safe integers are below this. */
const HIGH_LIMIT = 2 ** 21;

export function setU64(target: DataView, at: number, value: number): void {
  target.setUint32(at, value >>> 0, true);
  target.setUint32(at + 4, Math.floor(value / HIGH), true);
}

/** The number at `at`, or -1 if it is no safe integer. */
export function getU64(source: DataView, at: number): number {
  const high = source.getUint32(at + 4, true);
  return high < HIGH_LIMIT ? high * HIGH + source.getUint32(at, true) : -1;
}
