import fc from "fast-check";
import { expect, test } from "vitest";
import { MemoryVolume } from "./memory-volume.ts";
import { PagedImage } from "./paged-image.ts";
import { testVolume } from "./volume.suite.ts";

testVolume("memory", async () => {
  const volume = new MemoryVolume(65_536);
  const reopen = async () => {
    await volume.close();
    return new MemoryVolume(volume.image);
  };
  return { volume, reopen };
});

test("images and their copies behave like arrays of their own", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("copy" as const), which: fc.nat(3) }),
    fc.record({ kind: fc.constant("resize" as const), which: fc.nat(3), to: fc.nat(20_000) }),
    fc.record({
      kind: fc.constant("write" as const),
      which: fc.nat(3),
      at: fc.nat(20_000),
      length: fc.nat(9000),
      value: fc.integer({ min: 1, max: 255 }),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const images = [{ image: new PagedImage(10_000), bytes: new Uint8Array(10_000) }];
      for (const one of steps) {
        const chosen = images[one.which % images.length];
        if (chosen === undefined) continue;
        if (one.kind === "copy") {
          if (images.length < 4) {
            images.push({ image: chosen.image.copy(), bytes: chosen.bytes.slice() });
          }
        } else if (one.kind === "resize") {
          chosen.image.resize(one.to);
          const bytes = new Uint8Array(one.to);
          bytes.set(chosen.bytes.subarray(0, one.to));
          chosen.bytes = bytes;
        } else {
          const at = Math.min(one.at, chosen.bytes.length);
          const length = Math.min(one.length, chosen.bytes.length - at);
          chosen.image.write(at, new Uint8Array(length).fill(one.value));
          chosen.bytes.fill(one.value, at, at + length);
        }
      }
      for (const { image, bytes } of images) {
        const read = new Uint8Array(bytes.length + 10);
        expect(image.read(0, read)).toBe(bytes.length);
        expect(Buffer.from(read.subarray(0, bytes.length)).equals(bytes)).toBe(true);
      }
    }),
    { seed: 1, numRuns: 200 },
  );
});
