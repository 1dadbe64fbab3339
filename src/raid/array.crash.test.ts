import { describe, expect, test } from "vitest";
import { plainChecksums } from "../base/checksums.ts";
import { FaultPlan } from "../volume/fault-plan.ts";
import type { PagedImage } from "../volume/paged-image.ts";
import { choices, CrashRun, drawSteps } from "./crash-run.suite.ts";
import { Geometry } from "./geometry.ts";
import { SUPERBLOCK_BYTES } from "./member-layout.ts";
import { decodeSuperblocks, encodeSuperblock } from "./superblock.ts";
import {
  memoryMember,
  shapeName,
  type SmallShape,
  smallShapes,
  testWorld,
} from "./test-array.suite.ts";

const SIZE_BYTES = 2048;

describe("a crash at any operation of any member", () => {
  for (const shape of smallShapes) {
    test(`${shapeName(shape)} keeps what was acknowledged, whichever members are lost`, async () => {
      const run = await CrashRun.create(shape, SIZE_BYTES);
      await run.run(drawSteps(shape.memberCount + shape.level, 24, SIZE_BYTES));
      expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
      const losses = choices(shape.memberCount, lossesMaxOf(shape));
      for (let moment = 0; moment < run.moments.length; moment += 2) {
        const lost = losses[moment % losses.length] ?? [];
        const crash = moment % 3 === 0 ? "process" : "power";
        expect(await run.refute({ moment, seed: moment, crash, lost })).toBeUndefined();
      }
    });
  }
});

describe("a crash while what an earlier crash left is assembled", () => {
  for (const shape of smallShapes) {
    test(`${shapeName(shape)} takes back nothing, whichever members are lost then`, async () => {
      const run = await CrashRun.create(shape, SIZE_BYTES);
      await run.run(drawSteps(shape.memberCount + 30, 12, SIZE_BYTES));
      const losses = choices(shape.memberCount, lossesMaxOf(shape));
      for (let moment = 0; moment < run.moments.length; moment += 9) {
        const point = { moment, seed: moment, crash: "power", lost: [] } as const;
        expect(await run.refuteTwice(point, 4, losses)).toBeUndefined();
      }
    });
  }
});

describe("a crash while the loss of a member is recorded", () => {
  for (const shape of smallShapes.filter(({ level }) => level === 4 || level === 5)) {
    test(`${shapeName(shape)} needs who had the record before in one copy only`, async () => {
      const created = await CrashRun.create(shape, SIZE_BYTES);
      const [first, ...others] = created.images({
        moment: 0,
        seed: 1,
        crash: "process",
        lost: [1],
      });
      if (first === undefined) throw new Error("the first member is there");
      ageSecondCopy(first);
      const run = await CrashRun.over(shape, testWorld(), [first, ...others]);
      for (let moment = 0; moment < 10; moment++) {
        for (let seed = 0; seed < 40; seed++) {
          const refuted = await run.refute({ moment, seed, crash: "power", lost: [] });
          expect(refuted).toBeUndefined();
        }
      }
    });
  }
});

/** Has the second copy of the superblock be that of the record before. */
function ageSecondCopy(image: PagedImage): void {
  const checksums = plainChecksums();
  const copies = [0, 1].map((copy) => {
    const bytes = new Uint8Array(SUPERBLOCK_BYTES);
    image.read(copy * SUPERBLOCK_BYTES, bytes);
    return bytes;
  });
  const found = decodeSuperblocks(copies, checksums);
  if (found.kind !== "valid") throw new Error("there is a superblock");
  const { array } = found.superblock;
  const older = { ...found.superblock, array: { ...array, sequence: array.sequence - 1 } };
  image.write(SUPERBLOCK_BYTES, encodeSuperblock(older, 1, checksums));
}

test("a member that fails while a checkpoint is flushed catches up with all that it missed", async () => {
  for (const shape of smallShapes.filter(({ level }) => level !== 0)) {
    for (let skip = 0; skip < 6; skip++) {
      const plan = new FaultPlan();
      const run = await CrashRun.create(shape, SIZE_BYTES, plan);
      await run.run(drawSteps(5, 6, SIZE_BYTES));
      plan.add({
        operations: ["sync"],
        path: "disk1",
        skip: skip >> 1,
        count: 1,
        fault: { kind: "error" },
      });
      await run.run(drawSteps(6 + skip, 10, SIZE_BYTES));
      if (run.array.status().members[1]?.state !== "missing") continue;
      plan.clear();
      // Unsynced writes of a member that failed may be gone.
      const images = run.images({
        moment: run.moments.length - 1,
        seed: skip,
        crash: "power",
        lost: [],
      });
      const back = memoryMember(1, images[1] ?? 0);
      await run.array.add(back);
      await run.array.settled();
      expect(run.array.status().counters.blocksRepaired).toBe(0);
      expect(await run.array.scrub()).toMatchObject({ repaired: 0, lostAt: [] });
      expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
    }
  }
});

function lossesMaxOf(shape: SmallShape): number {
  return new Geometry({ ...shape, layout: "left-symmetric" }).lossesMax;
}
