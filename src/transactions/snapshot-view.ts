/** Consistent views of a settled position, without locks. */

import { Fault } from "../base/fault.ts";
import { Lease } from "../cells/cells.ts";
import { type Store, WAIT_FENCE, WAIT_PAGE } from "../store/store.ts";
import type { Clock } from "../world/world.ts";
import type { SnapshotView } from "./engine.ts";
import { PendingWrites } from "./pending-writes.ts";
import { ABANDONED, RunStep, type StepSettings } from "./run-step.ts";
import { MUST_WAIT, type RunOptions, type Step } from "./step.ts";
import { NO_LOCKS } from "./transaction-locks.ts";
import { Deadline } from "./waiting.ts";

const NO_BYTES = { bytes: new Uint8Array(0), at: 0, lengthBytes: 0 };

/** A view of all that is appended now, handed out when that is settled. */
export async function takeSnapshot(
  store: Store,
  settings: StepSettings,
  clock: Clock,
  released: () => void,
): Promise<SnapshotView> {
  const snapshot = store.cells.snapshot();
  const { root } = snapshot;
  const census = store.census.copy();
  const position = store.appendedLsn;
  try {
    await store.whenSettled(position);
    store.requireOpen();
  } catch (error) {
    snapshot.release();
    throw error;
  }
  const step = new RunStep(store, settings, new PendingWrites(NO_BYTES), NO_LOCKS, {
    root,
    census,
  });
  const { snapshotAgeMsMax } = store.options;
  let over: Fault | undefined;
  const end = (reason: Fault): void => {
    if (over !== undefined) return;
    over = reason;
    stopTimer();
    snapshot.release();
    released();
  };
  const stopTimer = clock.after(snapshotAgeMsMax, () => end(tooOld(snapshotAgeMsMax)));

  const tryRun = <T>(body: (step: Step) => T): T | typeof MUST_WAIT => {
    if (over !== undefined) throw over;
    store.requireOpen();
    if (!store.isClear) {
      step.blocked = WAIT_FENCE;
      return MUST_WAIT;
    }
    step.begin();
    try {
      return body(step);
    } catch (error) {
      if (error === ABANDONED) return MUST_WAIT;
      throw error;
    }
  };
  const run = async <T>(body: (step: Step) => T, options?: RunOptions): Promise<T> => {
    const deadline = new Deadline(clock, options, store.options.transactionTimeoutMs);
    const lease = new Lease(store.cells);
    try {
      for (;;) {
        const result = tryRun(body);
        if (result !== MUST_WAIT) return result;
        const isPage = step.blocked === WAIT_PAGE;
        await deadline.wait(isPage ? lease.loadMissing() : store.progress(step.blocked));
      }
    } finally {
      lease.release();
    }
  };
  return { position, tryRun, run, release: () => end(ended()) };
}

function tooOld(ageMs: number): Fault {
  return new Fault(
    "ERR_SNAPSHOT_TOO_OLD",
    `The snapshot was held for ${ageMs} ms, which is the limit: take another, or raise ` +
      '"snapshotAgeMsMax"',
    { setting: "snapshotAgeMsMax", max: ageMs },
  );
}

function ended(): Fault {
  return new Fault("ERR_CLOSED", "The snapshot was released: take another");
}
