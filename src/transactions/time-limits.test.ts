import { expect, test } from "vitest";
import { inWorld } from "../../test/support/small-store.ts";
import type { Clock } from "../world/world.ts";
import { type TimeLimited, TimeLimits } from "./time-limits.ts";

test("each is told when its own time is over, whatever order they came in", async () => {
  await withLimits(async ({ limits, limited, told, sleep }) => {
    for (const afterMs of [30, 10, 20, 10]) limits.add(limited(afterMs));
    const gone = limited(15);
    limits.add(gone);
    limits.delete(gone);
    await sleep(12);
    expect(told).toEqual([10, 10]);
    await sleep(100);
    expect(told).toEqual([10, 10, 20, 30]);
  });
});

test("once closed it keeps a timer for those who are there, and none for nobody", async () => {
  await withLimits(async ({ limits, limited, told, sleep, timerCount }) => {
    const first = limited(10);
    limits.add(first);
    limits.add(limited(20));
    limits.close();
    limits.delete(first);
    expect(timerCount()).toBe(1);
    await sleep(100);
    expect(told).toEqual([20]);
    const last = limited(1000);
    limits.add(last);
    limits.delete(last);
    expect(timerCount()).toBe(0);
  });
});

interface Bed {
  readonly limits: TimeLimits;
  readonly limited: (afterMs: number) => TimeLimited;
  /** After how long those were told that were. */
  readonly told: readonly number[];
  readonly sleep: (durationMs: number) => Promise<void>;
  readonly timerCount: () => number;
}

async function withLimits(main: (bed: Bed) => Promise<void>): Promise<void> {
  await inWorld(1, async ({ clock }) => {
    let timers = 0;
    const counting: Clock = {
      wallMs: () => clock.wallMs(),
      startFrom: (wallMs) => clock.startFrom(wallMs),
      monotonicMs: () => clock.monotonicMs(),
      soon: (fire) => clock.soon(fire),
      after: (delayMs, fire) => {
        timers++;
        const stop = clock.after(delayMs, () => {
          timers--;
          fire();
        });
        return () => {
          timers--;
          stop();
        };
      },
    };
    const told: number[] = [];
    const beganMs = clock.monotonicMs();
    await main({
      limits: new TimeLimits(counting),
      limited: (afterMs) => ({
        endMs: beganMs + afterMs,
        limitedAt: -1,
        timeIsOver: () => told.push(Math.round(clock.monotonicMs() - beganMs)),
      }),
      told,
      sleep: async (durationMs) => {
        await new Promise<void>((resolve) => clock.after(durationMs, resolve));
      },
      timerCount: () => timers,
    });
  });
}
