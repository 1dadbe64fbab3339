/**
 * Numbers that must not be mixed. Each is a safe integer in memory and 8 bytes on disk, and can be
 * made only by a function that checks it.
 */

import { AssertionFailure } from "./assert.ts";

declare const brand: unique symbol;
type Brand<Name extends string> = number & { readonly [brand]: Name };

/** The number of an entry of the log: 1, 2, 3 and so on, the same on every replica. 0 is none. */
export type Lsn = Brand<"Lsn">;
/** The number of a batch of the log, without gaps; each replica has its own. */
export type BatchNumber = Brand<"BatchNumber">;
/** How often a volume was opened. */
export type Generation = Brand<"Generation">;
/** The number of a view of a replica group. */
export type ViewNumber = Brand<"ViewNumber">;
/** The position of a page in the pages zone, counted in pages. 0 is no page. */
export type PageNumber = Brand<"PageNumber">;
/** The number of a transaction within a process; a smaller one is older. */
export type Age = Brand<"Age">;

export function lsn(value: number): Lsn {
  assertNatural<Lsn>(value);
  return value;
}

export function batchNumber(value: number): BatchNumber {
  assertNatural<BatchNumber>(value);
  return value;
}

export function generation(value: number): Generation {
  assertNatural<Generation>(value);
  return value;
}

export function viewNumber(value: number): ViewNumber {
  assertNatural<ViewNumber>(value);
  return value;
}

export function pageNumber(value: number): PageNumber {
  assertNatural<PageNumber>(value);
  return value;
}

export function age(value: number): Age {
  assertNatural<Age>(value);
  return value;
}

function assertNatural<Id extends number>(value: number): asserts value is Id {
  if (Number.isSafeInteger(value) && 0 <= value) return;
  throw new AssertionFailure(`"${value}" is not a natural number`);
}
