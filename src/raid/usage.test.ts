import { expect, test } from "vitest";
import { zeroCounters } from "./superblock.ts";
import { testWorld } from "./test-array.suite.ts";
import { Usage } from "./usage.ts";

test("seconds of members are counted whole, and nothing is counted twice", () => {
  const { clock } = testWorld();
  const usage = new Usage(clock);
  usage.hasRead(100);
  usage.hasFailedToRead();
  clock.advance(400);
  const first = usage.addTo(zeroCounters, 3);
  expect(first).toMatchObject({ memberSeconds: 1, readBytes: 100, readErrors: 1 });
  clock.advance(400);
  const second = usage.addTo(first, 2);
  expect(second).toEqual({ ...first, memberSeconds: 2 });
  expect(usage.addTo(second, 2)).toEqual(second);
});
