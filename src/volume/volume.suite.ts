/** What every volume must pass, whatever it is made of. */

import { describe, expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import type { Volume } from "./volume.ts";

export interface VolumeUnderTest {
  /** Of at least 64 KiB, all zero. */
  readonly volume: Volume;
  /** Closes it and opens what is durable of it again; undefined where nothing outlives it. */
  readonly reopen: (() => Promise<Volume>) | undefined;
}

/** Runs what is to be tested, and drives its world if it must be driven. */
export type Drive = (body: () => Promise<void>) => Promise<void>;

const undriven: Drive = async (body) => {
  await body();
};

export function testVolume(
  name: string,
  open: () => Promise<VolumeUnderTest>,
  drive: Drive = undriven,
): void {
  const check = (title: string, body: () => Promise<void>): void => {
    test(title, async () => {
      await drive(body);
    });
  };
  describe(`volume: ${name}`, () => {
    check("is zero at first", async () => {
      const { volume } = await open();
      await expectAt(volume, 0, new Uint8Array(65_536));
      await volume.close();
    });

    check("returns what was written, wherever it lies", async () => {
      const { volume } = await open();
      const unit = volume.writeUnitBytes;
      await volume.write(unit, pattern(unit, 1));
      await volume.writeDurable(3 * unit, pattern(2 * unit, 2));
      await volume.write(4 * unit, pattern(unit, 3));
      await expectAt(volume, unit, pattern(unit, 1));
      await expectAt(volume, 3 * unit, pattern(2 * unit, 2).slice(0, unit));
      await expectAt(volume, 4 * unit, pattern(unit, 3));
      await expectAt(volume, 0, new Uint8Array(unit));
      await expectAt(volume, unit + 5, pattern(unit, 1).slice(5, 12));
      await volume.close();
    });

    check("writes at once where it says it can", async () => {
      const { volume } = await open();
      const source = pattern(volume.writeUnitBytes, 4);
      const done = volume.writeDurableNow(0, source);
      const expected = done ? source : new Uint8Array(source.length);
      await expectAt(volume, 0, expected);
      await volume.close();
    });

    check("refuses to read past the end, and goes on", async () => {
      const { volume } = await open();
      for (const at of [volume.sizeBytes, volume.sizeBytes - 1, volume.sizeBytes + 9, -1]) {
        const outcome: unknown = await volume.read(at, new Uint8Array(2)).catch((e: unknown) => e);
        expect(isFault(outcome, "ERR_IO")).toBe(true);
      }
      expect(volume.failure).toBeUndefined();
      await volume.sync();
      await volume.close();
    });

    check("grows by zeroes and keeps what it holds", async () => {
      const { volume } = await open();
      const unit = volume.writeUnitBytes;
      const before = volume.sizeBytes;
      await volume.write(before - unit, pattern(unit, 5));
      await Promise.all([volume.grow(before + 4 * unit), volume.grow(before + 3 * unit)]);
      expect(volume.sizeBytes).toBeGreaterThanOrEqual(before + 4 * unit);
      await volume.grow(unit);
      expect(volume.sizeBytes).toBeGreaterThanOrEqual(before + 4 * unit);
      await expectAt(volume, before - unit, pattern(unit, 5));
      await expectAt(volume, before, new Uint8Array(4 * unit));
      await volume.write(before + 3 * unit, pattern(unit, 6));
      await expectAt(volume, before + 3 * unit, pattern(unit, 6));
      await volume.close();
    });

    check("gives back what it can, keeps the rest, and grows by zeroes again", async () => {
      const { volume } = await open();
      const unit = volume.writeUnitBytes;
      await volume.grow(volume.sizeBytes + 4 * unit);
      const before = volume.sizeBytes;
      const kept = before - 4 * unit;
      await volume.write(kept - unit, pattern(unit, 5));
      await volume.write(before - unit, pattern(unit, 6));
      await volume.shrink(before + unit);
      expect(volume.sizeBytes).toBe(before);
      await volume.shrink(kept);
      expect(volume.sizeBytes).toBe(volume.canShrink ? kept : before);
      await expectAt(volume, kept - unit, pattern(unit, 5));
      if (volume.canShrink) {
        const beyond: unknown = await volume.read(kept, new Uint8Array(1)).catch((e: unknown) => e);
        expect(isFault(beyond, "ERR_IO")).toBe(true);
      }
      await Promise.all([volume.shrink(kept), volume.grow(before)]);
      expect(volume.sizeBytes).toBe(before);
      const again = volume.canShrink ? new Uint8Array(unit) : pattern(unit, 6);
      await expectAt(volume, before - unit, again);
      await volume.close();
    });

    check("does not come back longer than it was cut", async () => {
      const { volume, reopen } = await open();
      if (reopen === undefined || !volume.canShrink) return;
      const unit = volume.writeUnitBytes;
      const kept = volume.sizeBytes - 2 * unit;
      await volume.write(kept - unit, pattern(unit, 5));
      await volume.writeDurable(kept, pattern(unit, 6));
      await volume.sync();
      await volume.shrink(kept);
      const again = await reopen();
      expect(again.sizeBytes).toBe(kept);
      await expectAt(again, kept - unit, pattern(unit, 5));
      await again.close();
    });

    check("refuses all once it is closed, and closes twice", async () => {
      const { volume } = await open();
      await volume.close();
      await volume.close();
      const attempts = [
        volume.read(0, new Uint8Array(1)),
        volume.write(0, new Uint8Array(1)),
        volume.writeDurable(0, new Uint8Array(1)),
        volume.sync(),
        volume.grow(2 ** 30),
        volume.shrink(0),
      ];
      for (const attempt of attempts) {
        const outcome: unknown = await attempt.catch((e: unknown) => e);
        expect(isFault(outcome, "ERR_CLOSED")).toBe(true);
      }
    });

    check("keeps what was made durable", async () => {
      const { volume, reopen } = await open();
      if (reopen === undefined) return;
      const unit = volume.writeUnitBytes;
      const before = volume.sizeBytes;
      await volume.write(0, pattern(unit, 7));
      await volume.sync();
      await volume.writeDurable(unit, pattern(unit, 8));
      const now = volume.writeDurableNow(2 * unit, pattern(unit, 9));
      await volume.grow(before + unit);

      const again = await reopen();
      expect(again.sizeBytes).toBeGreaterThanOrEqual(before + unit);
      await expectAt(again, 0, pattern(unit, 7));
      await expectAt(again, unit, pattern(unit, 8));
      const expected = now ? pattern(unit, 9) : new Uint8Array(unit);
      await expectAt(again, 2 * unit, expected);
      await again.close();
    });
  });
}

/** What one that fails must pass besides. `fail` makes the next write or sync fail so, once. */
export function testVolumeFailure(
  name: string,
  open: () => Promise<{
    readonly volume: Volume;
    readonly fail: (code: "ERR_IO" | "ERR_FULL") => void;
  }>,
  drive: Drive = undriven,
): void {
  describe(`failed volume: ${name}`, () => {
    const steps: Readonly<Record<string, (volume: Volume) => Promise<void>>> = {
      write: async (volume) => await volume.write(0, new Uint8Array(volume.writeUnitBytes)),
      durable: async (volume) => await volume.writeDurable(0, new Uint8Array(4096)),
      sync: async (volume) => await volume.sync(),
    };
    test("a write that finds no room fails nothing, and a sync that finds none does", async () => {
      await drive(async () => {
        const { volume, fail } = await open();
        fail("ERR_FULL");
        const full: unknown = await steps["write"]?.(volume).catch((error: unknown) => error);
        expect(isFault(full, "ERR_FULL")).toBe(true);
        await volume.write(0, pattern(4096, 1));
        fail("ERR_FULL");
        const lost: unknown = await volume.sync().catch((error: unknown) => error);
        expect(isFault(lost, "ERR_IO")).toBe(true);
        expect(volume.failure).toBe(lost);
        expect(await volume.sync().catch((error: unknown) => error)).toBe(lost);
        await volume.close();
      });
    });

    for (const [step, run] of Object.entries(steps)) {
      test(`a failed ${step} fails it for ever, and it still reads`, async () => {
        await drive(async () => {
          const { volume, fail } = await open();
          await volume.write(4096, pattern(4096, 1));
          fail("ERR_IO");
          const first: unknown = await run(volume).catch((error: unknown) => error);
          expect(isFault(first, "ERR_IO")).toBe(true);
          expect(volume.failure).toBe(first);
          for (const later of Object.values(steps)) {
            expect(await later(volume).catch((error: unknown) => error)).toBe(first);
          }
          expect(() => volume.writeDurableNow(0, new Uint8Array(4096))).toThrow(volume.failure);
          await expectAt(volume, 4096, pattern(4096, 1));
          await volume.close();
        });
      });
    }
  });
}

async function expectAt(volume: Volume, at: number, expected: Uint8Array): Promise<void> {
  const target = new Uint8Array(expected.length).fill(0xee);
  await volume.read(at, target);
  const differs = target.findIndex((byte, index) => byte !== expected[index]);
  expect(differs, `where ${expected.length} bytes at ${at} differ`).toBe(-1);
}

/** Bytes that differ with their place and with `seed`, so that nothing passes by accident. */
function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8) * 7 + seed) & 0xff);
}
