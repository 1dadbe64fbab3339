import { expect, test } from "vitest";
import { bestChecksums } from "../base/checksums.ts";
import { Slab } from "../base/slab.ts";
import { HookedVolume } from "../log/hooked-volume.suite.ts";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { type ExtentReference, Extents, readReference } from "./extents.ts";
import { PAGE_BYTES } from "./page.ts";

test("an empty value under a long key is not taken for the long value beside it", async () => {
  const image = await formattedImage();
  const long = (last: number): Uint8Array => new Uint8Array(5000).fill(1).fill(last, 4999);
  const value = new Uint8Array(9000).fill(7);
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    await engine.run((step) => {
      step.set(long(1), new Uint8Array(0));
      step.set(long(2), value);
      step.set(long(3), new Uint8Array(0));
    });
    await engine.run((step) => step.set(long(4), value));
    for (const last of [1, 2, 3, 4]) {
      const found = await engine.run((step) => step.get(long(last)));
      expect(found).toEqual(last % 2 === 0 ? value : new Uint8Array(0));
    }
    await engine.close();
  });
});

test("an extent that is let go while it is read is not taken for the next one there", async () => {
  let gate: Promise<void> | undefined;
  const memory = new MemoryVolume(4 * PAGE_BYTES);
  const volume = new HookedVolume(memory, (operation) => (operation === "read" ? gate : undefined));
  const checksums = bestChecksums();
  const options = { volume, pagesAt: 0, checksums, checksumSeed: 7, cacheBytes: PAGE_BYTES };
  const extents = new Extents(options);
  const slab = new Slab(PAGE_BYTES);
  const write = async (first: number, content: number): Promise<ExtentReference> => {
    const bytes = new Uint8Array(PAGE_BYTES).fill(content);
    extents.add(first, 1, bytes, 0, bytes.length, slab, 0);
    await extents.write(first);
    return readReference(slab, 0);
  };

  const old = await write(1, 5);
  // There is room in memory for one.
  await write(2, 0);
  let open = (): void => undefined;
  gate = new Promise((resolve) => (open = resolve));
  const load = extents.load(old);
  extents.drop(1, 1);
  const young = await write(1, 6);
  extents.drop(2, 1);
  await write(2, 0);
  open();
  gate = undefined;
  await load;
  await extents.load(young);
  expect(extents.find(1)?.[0]).toBe(6);
});
