/**
 * What an object does when its operations come one at a time. A state is a string, equal iff the
 * states are: it is compared, hashed and kept.
 */

import type { Operation } from "./operation-history.ts";

/** How one object behaves when it is used by one process at a time. */
export interface Model {
  readonly name: string;
  readonly initial: string;
  /** The state after the operation, or undefined if it cannot have returned what it did. */
  step(state: string, operation: Operation): string | undefined;
  /** Whether it leaves every state as it is, so that it may be left out of an example. */
  isRead(operation: Operation): boolean;
  /** Whether all without this one would be possible too; for smaller counter-examples. */
  isUnneeded(operation: Operation, others: readonly Operation[]): boolean;
  /** The names of the operations it knows. */
  readonly operations: readonly string[];
  /** Whether objects with different keys have nothing to do with each other. */
  readonly partitions: boolean;
}
