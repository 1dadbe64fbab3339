import { expect, test } from "vitest";
import { Activity, Pace } from "./pace.ts";
import { defaultRaidOptions } from "./options.ts";
import { ProgressMeter } from "./progress.ts";
import { SteppedClock } from "./test-array.suite.ts";

const WINDOW_BYTES = 1000;

test("an idle array is worked on without a wait, or at the most that is allowed", async () => {
  expect(await restMs({ bytesPerSecondMin: 100 }, () => undefined)).toBe(0);
  // A fifth of a second for each window.
  expect(await restMs({ bytesPerSecondMax: 5000 }, () => undefined)).toBe(200);
});

test("whoever uses the array goes first, but for the least rate", async () => {
  const busy = (activity: Activity): void => activity.begin();
  expect(await restMs({ bytesPerSecondMin: 4000 }, busy)).toBe(250);
  // The most that is allowed is kept to before, and more is not waited for than the least asks.
  expect(await restMs({ bytesPerSecondMin: 2000, bytesPerSecondMax: 5000 }, busy)).toBe(500);
});

test("work goes on a moment after the last who used the array, and not within it", async () => {
  const clock = new SteppedClock();
  const activity = new Activity(clock);
  activity.begin();
  expect(activity.isIdle).toBe(false);
  activity.end();
  expect(activity.isIdle).toBe(false);
  clock.advance(100);
  expect(activity.isIdle).toBe(true);
  activity.begin();
  activity.begin();
  activity.end();
  clock.advance(100);
  expect(activity.isIdle).toBe(false);

  const used = (one: Activity): void => {
    one.begin();
    one.end();
  };
  const rested = await restMs({ bytesPerSecondMin: 100 }, used);
  expect(rested).toBeGreaterThan(0);
  expect(rested).toBeLessThan(100);
});

test("without a least rate it waits as long as somebody uses the array", async () => {
  const busy = (activity: Activity): void => activity.begin();
  expect(await restMs({ bytesPerSecondMin: 0 }, busy)).toBe(Infinity);
});

test("rate and time left are those since it was begun or resumed", () => {
  const clock = new SteppedClock();
  const meter = new ProgressMeter("rebuild", "b", clock, 4000, 10_000);
  const told = { kind: "rebuild", member: "b", totalBytes: 10_000 };
  const nothing = { bytesPerSecond: undefined, secondsLeft: undefined };
  expect(meter.progress()).toEqual({ ...told, doneBytes: 4000, ...nothing });
  clock.advance(2000);
  meter.advance(6000, 10_000);
  const halfway = { doneBytes: 6000, bytesPerSecond: 1000, secondsLeft: 4 };
  expect(meter.progress()).toEqual({ ...told, ...halfway });
  // The array grew meanwhile.
  meter.advance(6000, 16_000);
  expect(meter.progress()).toMatchObject({ bytesPerSecond: 1000, secondsLeft: 10 });
});

/** How long it rests after a window that took no time; Infinity: more than a minute. */
async function restMs(
  rates: Partial<typeof defaultRaidOptions.background>,
  use: (activity: Activity) => void,
): Promise<number> {
  const clock = new SteppedClock();
  const activity = new Activity(clock);
  clock.advance(1000);
  const pace = new Pace(clock, activity, { ...defaultRaidOptions.background, ...rates });
  use(activity);
  const beganMs = clock.monotonicMs();
  const rested = pace.rest(WINDOW_BYTES).then(() => clock.monotonicMs() - beganMs);
  for (let ms = 0; ms < 60_000; ms += 10) {
    for (let turn = 0; turn < 8; turn++) await Promise.resolve();
    clock.advance(10);
  }
  return await Promise.race([rested, Promise.resolve(Infinity)]);
}
