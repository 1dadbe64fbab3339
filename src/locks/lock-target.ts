/**
 * What can be locked: a key, or every key of a range whether it is present or not.
 *
 * Keys are byte strings held as text of one character a byte (`latin1` of base/bytes.ts), so `<`
 * orders them as their bytes.
 */

export type LockTarget =
  | { readonly kind: "key"; readonly key: string }
  /** From `start` up to, not including, `end`; without an end, to the last of all keys. */
  | { readonly kind: "range"; readonly start: string; readonly end: string | undefined };
