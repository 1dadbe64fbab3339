/** A sync that finds no room, as some file systems have it: what it was to write is lost then. */

import { expect, test } from "vitest";
import type { StorageOperation } from "../volume/fault-plan.ts";
import { createFileVolume, openFileVolume } from "../volume/file-volume.ts";
import { inWorld, openOn, smallOptions } from "../../test/support/small-store.ts";
import { formatStore, storeBytes } from "./format.ts";

const KB = 1 << 10;

test("no checkpoint is believed after a sync that found no room", async () => {
  const key = Uint8Array.of(1, 1);
  const value = new Uint8Array(60 * KB).fill(7);
  await inWorld(1, async (world, simulation) => {
    const { files } = world;
    const made = await createFileVolume(files, "/v", storeBytes(smallOptions));
    await formatStore(world, made, smallOptions);
    await made.close();
    const engine = await openOn(world, await openFileVolume(files, "/v"));
    await engine.run((step) => step.set(key, value));
    const machine = simulation.node("a");
    const operations: readonly StorageOperation[] = ["sync"];
    machine.disk.plan.add({ operations, skip: 0, count: 1, fault: { kind: "full" } });
    for (let attempt = 0; attempt < 2; attempt++) {
      await engine.store.checkpoint().catch(() => undefined);
    }
    machine.crash("power");

    const later = simulation.node("a").world;
    const again = await openOn(later, await openFileVolume(later.files, "/v"));
    expect(await again.run((step) => step.get(key))).toEqual(value);
    await again.close();
  });
});
