import { expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";
import type { Transactions } from "./transactions.ts";
import type { World } from "../world/world.ts";

const A = Uint8Array.of(1, 1);
const B = Uint8Array.of(1, 2);

async function withEngine(
  body: (engine: Transactions, world: World) => Promise<void>,
): Promise<void> {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image), { snapshotAgeMsMax: 1000 });
    await body(engine, world);
    await engine.close();
  });
}

test("a snapshot counts and finds what there was when it was taken", async () => {
  await withEngine(async (engine) => {
    await engine.run((step) => step.set(A, Uint8Array.of(1)));
    const snapshot = await engine.snapshot();
    await engine.run((step) => {
      step.set(A, Uint8Array.of(2));
      step.set(B, Uint8Array.of(2));
    });
    expect(await snapshot.run((step) => step.count(A))).toBe(1);
    expect(await snapshot.run((step) => step.get(A))).toEqual(Uint8Array.of(1));
    expect(await snapshot.run((step) => step.get(B))).toBeUndefined();
    expect(await engine.run((step) => step.count(A))).toBe(2);
    snapshot.release();
  });
});

test("a snapshot ends when it is released, too old, or its store is closed", async () => {
  await withEngine(async (engine, world) => {
    const released = await engine.snapshot();
    released.release();
    released.release();
    const old = await engine.snapshot();
    await new Promise<void>((resolve) => world.clock.after(1001, resolve));
    const last = await engine.snapshot();
    expect(codeOf(() => released.tryRun(() => 1))).toBe("ERR_CLOSED");
    expect(codeOf(() => old.tryRun(() => 1))).toBe("ERR_SNAPSHOT_TOO_OLD");
    expect(last.tryRun(() => 1)).toBe(1);
    await engine.close();
    expect(codeOf(() => last.tryRun(() => 1))).toBe("ERR_CLOSED");
    expect(engine.store.cells.space.deadCount).toBe(0);
  });
});

test("a snapshot that is asked for just before a close holds nothing afterwards", async () => {
  await withEngine(async (engine) => {
    const written = engine.run((step) => step.set(A, A));
    const snapshot = engine.snapshot();
    const closed = engine.close();
    await expect(snapshot).rejects.toMatchObject({ code: "ERR_CLOSED" });
    await Promise.all([written, closed]);
  });
});

function codeOf(body: () => unknown): unknown {
  try {
    return body();
  } catch (error) {
    return isFault(error) ? error.code : error;
  }
}
