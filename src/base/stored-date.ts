/**
 * Dates that are values: made from a number that was stored, and turned into one. This is the only
 * place of the core that touches `Date`, and it never asks what time it is.
 */

export function isDate(value: unknown): value is Date {
  // oxlint-disable-next-line no-restricted-globals -- compares a prototype, reads no clock
  return value instanceof Date;
}

/** The date that is `ms` milliseconds after the begin of 1970. */
export function dateOf(ms: number): Date {
  // oxlint-disable-next-line no-restricted-globals -- a date made from a number reads no clock
  return new Date(ms);
}
