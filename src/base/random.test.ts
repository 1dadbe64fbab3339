import { expect, test } from "vitest";
import type { Random } from "../world/world.ts";
import { SeededRandom } from "./random.ts";

test("the same seed gives the same numbers, and always will", () => {
  const random = new SeededRandom(42);
  const drawn = Array.from({ length: 6 }, () => random.below(1000));
  expect(drawn).toMatchInlineSnapshot(`
    [
      787,
      72,
      460,
      867,
      680,
      159,
    ]
  `);
});

test("a stream depends on the seed and its name alone", () => {
  const first = new SeededRandom(7);
  const second = new SeededRandom(7);
  second.below(10);
  second.stream("other").below(10);
  expect(draw(first.stream("disk"))).toEqual(draw(second.stream("disk")));
  expect(draw(first.stream("disk"))).not.toEqual(draw(first.stream("disk2")));
  expect(draw(first.stream("disk"))).not.toEqual(draw(new SeededRandom(8).stream("disk")));
  expect(draw(first.stream("a").stream("b"))).not.toEqual(draw(first.stream("b").stream("a")));
});

test("near seeds give numbers that have nothing to do with each other", () => {
  const firsts = Array.from({ length: 1000 }, (_, seed) => new SeededRandom(seed).below(2 ** 32));
  expect(new Set(firsts).size).toBe(1000);
  expect(new SeededRandom(1).below(2 ** 32)).not.toBe(new SeededRandom(1 + 2 ** 32).below(2 ** 32));
});

test("numbers are spread evenly, also below limits that divide nothing", () => {
  const random = new SeededRandom(3);
  for (const limit of [2, 3, 7, 10]) {
    const counts = Array.from({ length: limit }, () => 0);
    for (let draws = 0; draws < 10_000; draws++) {
      const drawn = random.below(limit);
      counts[drawn] = (counts[drawn] ?? 0) + 1;
    }
    for (const count of counts) {
      expect(Math.abs(count - 10_000 / limit)).toBeLessThan(0.1 * (10_000 / limit) + 60);
    }
  }
  expect(random.below(1)).toBe(0);
  const target = new Uint8Array(4096);
  fill(random, target);
  expect(new Set(target).size).toBe(256);
});

function fill(random: Random, target: Uint8Array): void {
  random.fill(target);
}

function draw(random: SeededRandom): readonly number[] {
  return Array.from({ length: 4 }, () => random.below(2 ** 32));
}
