/**
 * What the lock table asks of its driver, in the order in which it must be done.
 *
 * A request is answered by `granted`, or by `waiting` and then the wounds it dealt: the driver
 * knows that somebody waits before it aborts a victim, whose release may end that wait.
 */

import type { LockMode } from "./lock-mode.ts";
import type { LockTarget } from "./lock-target.ts";
import type { Owner } from "./lock-owner.ts";

export type LockEffect =
  /** The request was granted at once. */
  | { readonly kind: "granted" }
  /** The request waits: a `grant` will come, or its owner is wounded, cancels or releases. */
  | { readonly kind: "waiting" }
  /** Abort `victim` and release what it holds, in this turn: `by`, which is older, needs it. */
  | {
      readonly kind: "wound";
      readonly victim: Owner;
      readonly by: Owner;
      readonly target: LockTarget;
      readonly mode: LockMode;
    }
  /** What `owner` waited for is now its own. */
  | { readonly kind: "grant"; readonly owner: Owner };

export type WoundEffect = LockEffect & { readonly kind: "wound" };
export type GrantEffect = LockEffect & { readonly kind: "grant" };

/** The answer to most requests, made once. */
export const GRANTED: readonly LockEffect[] = [{ kind: "granted" }];
