/**
 * Assertions, for what only our own mistake can break. They stay on in production and are never
 * caught: a store that has broken an invariant stops rather than goes on. What disks, networks,
 * peers and callers do wrong is a `Fault` instead.
 */

export class AssertionFailure extends Error {
  override readonly name = "AssertionFailure";
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

/** Ends a switch over a union: a variant without a case is an error of the compiler. */
export function unreachable(value: never): never {
  throw new AssertionFailure(`no case handles ${JSON.stringify(value)}`);
}

/** The value, which an invariant says is there. */
export function must<T>(value: T | undefined | null, message: string): T {
  if (value === undefined || value === null) throw new AssertionFailure(message);
  return value;
}
