import { describe, expect, test } from "vitest";
import { createArray } from "./array.ts";
import { readByThePage } from "./page-reader.suite.ts";
import {
  layoutShapes,
  memoryMember,
  shapeName,
  smallOptions,
  smallShapes,
  testWorld,
} from "./test-array.suite.ts";

const SIZE_BYTES = 24_000;

describe("a reader that knows docs/formats/raid.md alone", () => {
  test.each([...smallShapes, ...layoutShapes].map((shape) => [shapeName(shape), shape] as const))(
    "reads what was written on %s",
    async (_name, shape) => {
      const members = Array.from({ length: shape.memberCount }, (_, index) =>
        memoryMember(index, 0),
      );
      const array = await createArray(testWorld(), members, smallOptions(shape, SIZE_BYTES));
      for (let at = 0; at < 20_000; at += 3000) {
        await array.write(
          at,
          new Uint8Array(2500).map((_, index) => (at + index * 7) % 251),
        );
        await array.writeDurable(at + 100, new Uint8Array(70).fill(at % 255));
      }
      await array.trim(6000, 4000);
      await array.sync();
      const content = new Uint8Array(array.sizeBytes);
      await array.read(0, content);
      await array.close();
      const images = members.map(({ image, sizeBytes }) => {
        const bytes = new Uint8Array(sizeBytes);
        image.read(0, bytes);
        return bytes;
      });
      expect(Buffer.compare(readByThePage(images.toReversed()), content)).toBe(0);
    },
  );
});
