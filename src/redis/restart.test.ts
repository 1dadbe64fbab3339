import fc from "fast-check";
import { expect, test } from "vitest";
import { randomRequests } from "./random-requests.suite.ts";
import { TestDoor, TestRandom } from "./test-door.suite.ts";

/** Every row of the store with its value, without positions in the log. */
function rows({ store }: TestDoor): readonly (readonly [string, readonly number[]])[] {
  return store.sortedKeys().map((key) => [key, [...(store.rows.get(key)?.bytes ?? [])]]);
}

test("a body that is abandoned anywhere, however often, leaves no trace", async () => {
  await fc.assert(
    fc.asyncProperty(randomRequests, fc.nat(1000), async (requests, seed) => {
      const lines = requests.map((asked) => asked.map((word) => JSON.stringify(word)).join(" "));
      const [steady, stumbling] = [new TestDoor(), new TestDoor()];
      const random = new TestRandom(seed);
      stumbling.store.stumbles = () => random.below(6) === 0;
      const [one, other] = [steady.connect(), stumbling.connect()];
      one.send(...lines);
      other.send(...lines);
      const expected = one.received();
      const received: string[] = [];
      while (received.length < expected.length) received.push(...(await other.ask()));
      expect(received).toEqual(expected);
      expect(rows(stumbling)).toEqual(rows(steady));
    }),
    { seed: 7, numRuns: 150 },
  );
});
