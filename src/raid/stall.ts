/** Waits for what a member does, but no longer than it may take. */

import { Fault, messageOf } from "../base/fault.ts";
import type { Clock } from "../world/world.ts";

/** A member took longer than it may. What it was doing may go on. */
export class Stall extends Fault {}

/** Rejects with a `Stall` after `stallMs`; 0: never. */
export async function inTime<T>(clock: Clock, stallMs: number, running: Promise<T>): Promise<T> {
  if (stallMs === 0) return await running;
  return await new Promise<T>((resolve, reject) => {
    const cancel = clock.after(stallMs, () => {
      reject(new Stall("ERR_IO", `It did not answer for ${stallMs} ms`));
    });
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
