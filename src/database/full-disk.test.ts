/** A library on a volume that has no more room. */

import { expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import { SeededRandom } from "../base/random.ts";
import { FaultPlan } from "../volume/fault-plan.ts";
import { FaultyVolume } from "../volume/faulty-volume.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { PagedImage } from "../volume/paged-image.ts";
import type { World } from "../world/world.ts";
import { formattedImage, inWorld, openOn, smallShape } from "../../test/support/small-store.ts";
import type { Database } from "./database.ts";
import { openDatabase } from "./open-database.ts";

const VALUE = new Uint8Array(2000);

test("a full disk is freed by deletes of every kind, also by who opens it then", async () => {
  const image = await formattedImage({ ...smallShape, pagesBytes: 2 << 20 });
  await inWorld(1, async (world) => {
    const first = await openFull(world, image);
    const count = await fill(first);
    expect(count).toBeGreaterThan(20);
    await first.delete(["row", 0]);
    await first.close();

    const db = await openFull(world, image);
    await db.transact((tx) => tx.delete(["row", 1]));
    await db.transact((tx) => tx.delete(["row", 2]), { idempotencyKey: "once" });
    await db.atomic().delete(["row", 3]).delete(["row", 4]).commit();
    for (let row = 5; row < count; row++) {
      await db.transact(
        (tx) => {
          tx.delete(["row", row]);
          tx.set(["note"], row);
        },
        { idempotencyKey: `row ${row}` },
      );
    }
    expect(await db.get(["note"])).toBe(count - 1);
    await db.set(["row", 0], VALUE);
    await db.close();
  });
});

/** How many rows were written before one was refused. */
async function fill(db: Database): Promise<number> {
  for (let row = 0; row < 2000; row++) {
    try {
      await db.set(["row", row], VALUE);
    } catch (error) {
      if (isFault(error, "ERR_FULL")) return row;
      throw error;
    }
  }
  throw new Error("nothing was refused");
}

async function openFull(world: World, image: PagedImage): Promise<Database> {
  const plan = new FaultPlan();
  plan.add({ operations: ["grow"], skip: 0, count: "forever", fault: { kind: "full" } });
  const parts = { plan, random: new SeededRandom(1), clock: world.clock, crash: () => undefined };
  const volume = new FaultyVolume(new MemoryVolume(image), parts);
  return await openDatabase(world, await openOn(world, volume));
}
