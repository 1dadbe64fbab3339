/** Which of MULTI, WATCH, BEGIN and the others may be given when, and what is said if not. */

import type { Control } from "./command.ts";

export interface ControlState {
  readonly inMulti: boolean;
  readonly inBegin: boolean;
  readonly watchedCount: number;
  /** How many keys the command names. */
  readonly keyCount: number;
}

export interface Refusal {
  readonly text: string;
  /** Whether EXEC must then run nothing: the client takes for queued what is not. */
  readonly spoilsMulti: boolean;
}

const WATCHED_COUNT_MAX = 10_000;

/** Why the command may not be given now; undefined if it may. */
export function refuseControl(control: Control, state: ControlState): Refusal | undefined {
  const text = RULES[control]?.(state);
  if (text === undefined) return undefined;
  const isBeyondRedis = control === "begin" || control === "commit" || control === "rollback";
  return { text: `ERR ${text}`, spoilsMulti: state.inMulti && isBeyondRedis };
}

type Rule = (state: ControlState) => string | undefined;

const RULES: Partial<Record<Control, Rule>> = {
  multi({ inBegin, inMulti }) {
    if (inBegin) return "MULTI inside BEGIN is not allowed: COMMIT or ROLLBACK first";
    return inMulti ? "MULTI calls can not be nested" : undefined;
  },
  exec({ inMulti }) {
    return inMulti ? undefined : "EXEC without MULTI";
  },
  discard({ inMulti }) {
    return inMulti ? undefined : "DISCARD without MULTI";
  },
  watch({ inBegin, inMulti, watchedCount, keyCount }) {
    if (inBegin) return "WATCH inside BEGIN is not needed: what it reads cannot change";
    if (inMulti) return "WATCH inside MULTI is not allowed";
    if (watchedCount + keyCount <= WATCHED_COUNT_MAX) return undefined;
    return `more than ${WATCHED_COUNT_MAX} watched keys: UNWATCH, or use BEGIN`;
  },
  begin({ inBegin, inMulti, watchedCount }) {
    if (inMulti) return "BEGIN inside MULTI is not allowed";
    if (inBegin) return "BEGIN calls can not be nested";
    return watchedCount > 0
      ? "BEGIN while keys are watched is not allowed: UNWATCH first"
      : undefined;
  },
  commit({ inBegin, inMulti }) {
    if (inMulti) return "COMMIT inside MULTI is not allowed: use EXEC";
    return inBegin ? undefined : "COMMIT without BEGIN";
  },
  rollback({ inBegin, inMulti }) {
    if (inMulti) return "ROLLBACK inside MULTI is not allowed: use DISCARD";
    return inBegin ? undefined : "ROLLBACK without BEGIN";
  },
};
