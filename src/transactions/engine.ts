/**
 * What a whole store offers beyond running bodies: consistent views without locks, the changes
 * that were committed, and its end.
 */

import type { Lsn } from "../base/ids.ts";
import type { RunOptions, Step, TransactionStore } from "./step.ts";

export interface Engine extends TransactionStore {
  /** A view of everything up to a settled position. It takes no locks and stops no writer. */
  snapshot(): Promise<SnapshotView>;
  /**
   * The changes of every transaction after `after`, in log order, each handed out when it is
   * settled; at its end it waits for more until the signal aborts or the store closes.
   * Before that the last may have no changes: it says how far all was told.
   * `ERR_VERSION_GONE` if entries after `after` are no longer in the log.
   */
  changes(after: Lsn, signal?: AbortSignal): AsyncIterable<CommittedTransaction>;
  /** The position after which `changes` can still begin. */
  readonly oldestChangeLsn: Lsn;
  /** The newest position of the log. */
  readonly appendedLsn: Lsn;
  /** Ends after all that was appended is settled; then nothing more is accepted. */
  close(): Promise<void>;
}

export interface SnapshotView {
  readonly position: Lsn;
  /** Runs a body that only reads; a body that writes is a bug of the caller. */
  run<T>(body: (step: Step) => T, options?: RunOptions): Promise<T>;
  tryRun<T>(body: (step: Step) => T): T | symbol;
  /** Lets go of the pages that only this view needs. */
  release(): void;
}

export interface CommittedTransaction {
  readonly lsn: Lsn;
  readonly changes: readonly Change[];
}

export type Change =
  | { readonly kind: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: "remove"; readonly key: Uint8Array };
