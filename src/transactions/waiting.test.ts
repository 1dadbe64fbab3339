import { expect, test } from "vitest";
import type { Clock } from "../world/world.ts";
import { Deadline } from "./waiting.ts";

test("work that fails when the time is over already is not left to the platform", async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  try {
    const deadline = new Deadline(stoppedClock, { timeoutMs: 0 }, 1000);
    const waited = deadline.wait(Promise.reject(new Error("the disk failed")));
    await expect(waited).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  } finally {
    process.off("unhandledRejection", note);
  }
});

const stoppedClock: Clock = {
  wallMs: () => 0,
  startFrom: () => undefined,
  monotonicMs: () => 0,
  after: () => () => undefined,
  soon: () => undefined,
};
