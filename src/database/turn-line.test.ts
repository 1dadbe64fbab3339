import { expect, test } from "vitest";
import { inWorld } from "../../test/support/small-store.ts";
import type { Clock } from "../world/world.ts";
import { TurnLine } from "./turn-line.ts";

test("bodies that only await what is there run one after the other", async () => {
  await withLine(async (line, _clock, enter) => {
    const events: string[] = [];
    const body = async (name: string): Promise<void> => {
      events.push(`${name} begins`);
      for (let hops = 0; hops < 5; hops++) await Promise.resolve();
      events.push(`${name} ends`);
    };
    await Promise.all(["a", "b", "c"].map(async (name) => await enter(() => body(name))));
    expect(events.join(", ")).toBe("a begins, a ends, b begins, b ends, c begins, c ends");
    expect(await line.enter({})).toBe(true);
  });
});

test("a long line lets the turn end now and then", async () => {
  await withLine(async (_line, clock, enter) => {
    const events: string[] = [];
    clock.soon(() => events.push("turn"));
    const bodies = Array.from({ length: 100 }, async (_, index) => {
      await enter(async () => {
        await Promise.resolve();
        events.push(String(index));
      });
    });
    await Promise.all(bodies);
    expect(events.slice(30, 35)).toEqual(["30", "31", "turn", "32", "33"]);
    expect(events.filter((event) => event !== "turn").map(Number)).toEqual([...bodies.keys()]);
  });
});

test("those that have begun are let go of, though others wait all the time", async () => {
  await withLine(async (line, _clock, enter) => {
    let placesMax = 0;
    const again = async (): Promise<void> => {
      for (let count = 0; count < 40; count++) {
        await enter(async () => await Promise.resolve());
        placesMax = Math.max(placesMax, line.placeCount);
      }
    };
    await Promise.all(Array.from({ length: 64 }, again));
    expect(placesMax).toBeGreaterThan(30);
    expect(placesMax).toBeLessThan(200);
  });
});

test("who outlasts its turn holds up nobody beyond that, and lets the next ones pass", async () => {
  await withLine(async (line, clock, enter) => {
    const events: string[] = [];
    const slow = enter(async () => {
      await new Promise<void>((resolve) => clock.after(5, resolve));
      events.push("slow");
    });
    const quick = ["a", "b"].map(async (name) => {
      await enter(async () => {
        events.push(name);
      });
    });
    await Promise.all(quick);
    expect(await line.enter({})).toBe(false);
    await slow;
    expect(events).toEqual(["a", "b", "slow"]);
  });
});

test("the more often the first outlasts its turn, the more pass; one that does not ends that", async () => {
  await withLine(async (line, clock) => {
    const passes: number[] = [];
    const outlast = async (): Promise<void> => {
      const member = {};
      expect(await line.enter(member)).toBe(true);
      await new Promise<void>((resolve) => clock.after(1, resolve));
      line.leave(member);
      let count = 0;
      for (; ; count++) {
        const next = {};
        const isFirst = await line.enter(next);
        line.leave(next);
        if (isFirst) break;
      }
      passes.push(count);
    };
    // Each time it is found out by one that leaves at once that there is a line again.
    await outlast();
    await outlast();
    expect(passes).toEqual([8, 8]);
    for (let count = 0; count < 40; count++) {
      const member = {};
      if (await line.enter(member)) await new Promise<void>((resolve) => clock.after(1, resolve));
      line.leave(member);
    }
    const member = {};
    let passed = 0;
    while (!(await line.enter(member))) passed++;
    expect(passed).toBeGreaterThan(8);
  });
});

type Enter = (body: () => Promise<void>) => Promise<void>;

async function withLine(
  main: (line: TurnLine, clock: Clock, enter: Enter) => Promise<void>,
): Promise<void> {
  await inWorld(1, async ({ clock }) => {
    const line = new TurnLine(clock);
    await main(line, clock, async (body) => {
      const member = {};
      await line.enter(member);
      await body();
      line.leave(member);
    });
  });
}
