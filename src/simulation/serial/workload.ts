/**
 * What a workload is: data, something that clients do to it again and again, and what must be true
 * of it. Clients are given the store through these few functions, which wait as answers must.
 */

import type { SeededRandom } from "../../base/random.ts";
import type { RunOptions, Step } from "../../transactions/step.ts";

export interface Workload {
  readonly name: string;
  /** Keys between which other data may be put, so that they come to lie on pages of their own. */
  readonly spread?: readonly string[];
  /** Writes what is needed, in bodies that may be run when it is there already. */
  setup(client: SerialClient): Promise<void>;
  /** One thing that one of many clients does. */
  act(client: SerialClient): Promise<void>;
  /** Looks at everything when all is quiet. */
  check(client: SerialClient): Promise<void>;
}

/** One of many who use the store at once. It does one thing at a time. */
export interface SerialClient {
  readonly name: string;
  readonly random: SeededRandom;
  /** A transaction by itself; its result once that is settled. */
  run<T>(body: (step: Step) => T, options?: RunOptions): Promise<T>;
  /**
   * A transaction of many bodies, begun again with the same age as often as it is wounded. What
   * the script throws rolls it back.
   */
  transact<T>(script: (transaction: ClientTransaction) => Promise<T>): Promise<T>;
  snapshot<T>(work: (view: ClientTransaction) => Promise<T>): Promise<T>;
  /** Thinks, for at most that long. */
  think(msMax: number): Promise<void>;
  /** What must not be was seen. */
  violated(what: string): void;
  /** A text that nobody else makes. */
  unique(): string;
}

export interface ClientTransaction {
  run<T>(body: (step: Step) => T): Promise<T>;
}

/** Thrown by a script that wants to be rolled back; the client takes it for a success. */
export class RolledBack extends Error {
  override readonly name = "RolledBack";
}
