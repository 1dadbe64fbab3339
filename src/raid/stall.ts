/** Waits for what a member does, but no longer than it may take. */

import { Fault, messageOf } from "../base/fault.ts";
import type { Clock } from "../world/world.ts";

/** A member took longer than it may. What it was doing may go on. */
export class Stall extends Fault {}

/**
 * Time is counted in so many parts. While the process itself stands still, one passes at most, so
 * that members don't count as stalled because nobody listened to them.
 */
const PARTS = 8;

/** Rejects with a `Stall` after `stallMs`; 0: never. */
export async function inTime<T>(clock: Clock, stallMs: number, running: Promise<T>): Promise<T> {
  if (stallMs === 0) return await running;
  return await new Promise<T>((resolve, reject) => {
    let cancel = nothing;
    const wait = (parts: number): void => {
      cancel = clock.after(stallMs / PARTS, () => {
        if (parts > 1) wait(parts - 1);
        else reject(new Stall("ERR_IO", `It did not answer for ${stallMs} ms`));
      });
    };
    wait(PARTS);
    running.then(
      (result) => {
        cancel();
        resolve(result);
      },
      (error: unknown) => {
        cancel();
        reject(error instanceof Error ? error : new Error(messageOf(error)));
      },
    );
  });
}

function nothing(): void {
  // There is no timer yet.
}
