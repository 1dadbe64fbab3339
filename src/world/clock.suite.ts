/** What the clock and the randomness of every world must pass. */

import { describe, expect, test } from "vitest";
import type { Random } from "./world.ts";
import type { RunInWorld } from "./world-under-test.ts";

export function testClock(name: string, run: RunInWorld): void {
  describe(`clock and randomness: ${name}`, () => {
    test("time is whole milliseconds and goes on", async () => {
      await run(async ({ world: { clock } }) => {
        const wall = clock.wallMs();
        const monotonic = clock.monotonicMs();
        expect(Number.isSafeInteger(wall)).toBe(true);
        await new Promise<void>((resolve) => clock.after(5, resolve));
        expect(clock.monotonicMs() - monotonic).toBeGreaterThanOrEqual(5);
        expect(clock.wallMs()).toBeGreaterThanOrEqual(wall);
      });
    });

    test("the wall clock goes on from a later moment, and not back to an earlier one", async () => {
      await run(async ({ world: { clock } }) => {
        const wall = clock.wallMs();
        const later = wall + 3_600_000;
        clock.startFrom(later);
        expect(clock.wallMs()).toBeGreaterThanOrEqual(later);
        const began = clock.monotonicMs();
        await new Promise<void>((resolve) => clock.after(20, resolve));
        expect(clock.wallMs()).toBeGreaterThanOrEqual(later + 19);
        clock.startFrom(wall);
        expect(clock.wallMs()).toBeGreaterThanOrEqual(later + 19);
        expect(clock.wallMs()).toBeLessThanOrEqual(later + clock.monotonicMs() - began + 1000);
        expect(Number.isSafeInteger(clock.wallMs())).toBe(true);
      });
    });

    test("timers fire once, in the order of their times, unless they are taken back", async () => {
      await run(async ({ world: { clock } }) => {
        const fired: string[] = [];
        clock.after(30, () => fired.push("late"));
        clock.after(1, () => fired.push("early"));
        const cancel = clock.after(2, () => fired.push("cancelled"));
        clock.after(2 ** 40, () => fired.push("in 35 years"))();
        cancel();
        cancel();
        await new Promise<void>((resolve) => clock.after(60, resolve));
        expect(fired).toEqual(["early", "late"]);
      });
    });

    test("soon comes in order, after what is done now and its promises", async () => {
      await run(async ({ world: { clock } }) => {
        const order: string[] = [];
        await new Promise<void>((resolve) => {
          clock.soon(() => order.push("first"));
          clock.soon(() => {
            order.push("second");
            resolve();
          });
          void Promise.resolve().then(() => order.push("promise"));
          order.push("now");
        });
        expect(order).toEqual(["now", "promise", "first", "second"]);
      });
    });

    test("random numbers stay below their limit and fill what they should", async () => {
      await run(async ({ world: { random } }) => {
        const stream = random.stream("test");
        const drawn = Array.from({ length: 500 }, () => stream.below(5));
        expect(new Set(drawn)).toEqual(new Set([0, 1, 2, 3, 4]));
        expect(stream.below(1)).toBe(0);
        expect(stream.below(2 ** 32)).toBeLessThan(2 ** 32);
        const target = new Uint8Array(64);
        fillFrom(random, target);
        expect(target.some((byte) => byte !== 0)).toBe(true);
      });
    });

    test("checksums are those of zlib and of XXH64", async () => {
      await run(async ({ world: { checksums } }) => {
        const text = Uint8Array.from("123456789", (letter) => letter.charCodeAt(0));
        expect(checksums.crc32(text, 0)).toBe(0xcbf43926);
        const half = checksums.crc32(text.subarray(0, 4), 0);
        expect(checksums.crc32(text.subarray(4), half)).toBe(0xcbf43926);
        checksums.xxh64(new Uint8Array(0), 0, 0);
        expect([checksums.xxh64High, checksums.xxh64Low]).toEqual([0xef46db37, 0x51d8e999]);
      });
    });
  });
}

function fillFrom(source: Random, target: Uint8Array): void {
  source.fill(target);
}
