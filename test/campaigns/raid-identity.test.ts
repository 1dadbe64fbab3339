/** Members that are not what they were: swapped, behind, foreign, wiped, or gone on alone. */

import { expect, test } from "vitest";
import { isFault, messageOf } from "../../src/base/fault.ts";
import { assembleArray, createArray, type RaidArray } from "../../src/raid/array.ts";
import { contentOf, CrashRun } from "../../src/raid/crash-run.suite.ts";
import {
  memoryMember,
  shapeName,
  smallAssembly,
  smallOptions,
  type SmallShape,
  testWorld,
} from "../../src/raid/test-array.suite.ts";
import { PagedImage } from "../../src/volume/paged-image.ts";
import { drawWrites, geometryOf, redundantShapes, sizeOf } from "./raid-workload.ts";

type Images = readonly (PagedImage | undefined)[];

async function written(
  shape: SmallShape,
  seed = 1,
): Promise<{ readonly run: CrashRun; readonly images: Images }> {
  const run = await CrashRun.create(shape, sizeOf(shape));
  await run.run(drawWrites(seed, 12, shape));
  return { run, images: imagesOf(run) };
}

function imagesOf(run: CrashRun): Images {
  const moment = run.moments.length - 1;
  return run.images({ moment, seed: 1, crash: "power", lost: [] });
}

/** Opens over the images themselves, so that what is written is in them. */
async function open(images: Images, force = false): Promise<RaidArray> {
  const members = images.flatMap((image, index) =>
    image === undefined ? [] : [memoryMember(index, image)],
  );
  return await assembleArray(testWorld(9), members, { ...smallAssembly, force });
}

async function refusal(images: Images, force = false): Promise<string> {
  const opening = open(images, force).then(() => "not refused");
  return await opening.catch((error: unknown) => (isFault(error) ? messageOf(error) : "no fault"));
}

test("members swapped are one array, whatever their order", async () => {
  for (const shape of redundantShapes) {
    const { run, images } = await written(shape);
    const array = await open(images.toReversed());
    expect(run.model.refute(await contentOf(array), run.moments.length)).toBeUndefined();
  }
});

test("a member that left stays out when it is put back, and alone it is refused", async () => {
  for (const shape of redundantShapes) {
    const run = await CrashRun.create(shape, sizeOf(shape));
    await run.array.fail(0);
    await run.run(drawWrites(3, 12, shape));
    await run.array.close();
    const images = imagesOf(run);
    const alone = await refusal([images[0]?.copy()]);
    expect(alone).toMatch(/could have gone on|is here and up to date/u);
    const array = await open(images);
    expect(array.status().members[0]?.state).toBe("missing");
    expect(run.model.refute(await contentOf(array), run.moments.length)).toBeUndefined();
    await array.add(memoryMember(0, images[0] ?? 0));
    await array.settled();
    expect(array.status().health).toBe("whole");
    expect(run.model.refute(await contentOf(array), run.moments.length)).toBeUndefined();
  }
});

test("two halves that each went on alone are refused, and each is there by itself", async () => {
  for (const shape of redundantShapes) {
    const { lossesMax, memberCount } = geometryOf(shape);
    if (memberCount < 2 * (memberCount - lossesMax)) continue;
    const { images } = await written(shape);
    const half = memberCount - lossesMax;
    const [left, right] = [images.slice(0, half), images.slice(half, 2 * half)];
    for (const [value, one] of [left, right].entries()) {
      const array = await open(one, true);
      expect(array.risks.length).toBe(1);
      await array.writeDurable(0, new Uint8Array(64).fill(value + 1));
      await array.close();
    }
    const copies = [...left, ...right].map((image) => image?.copy());
    for (const force of [false, true]) {
      expect(await refusal(copies, force)).toContain("each went on without the other");
    }
    for (const [value, one] of [left, right].entries()) {
      const bytes = new Uint8Array(64);
      await (await open(one)).read(0, bytes);
      expect(bytes).toEqual(new Uint8Array(64).fill(value + 1));
    }
  }
});

test.each(redundantShapes.map((shape) => [shapeName(shape), shape] as const))(
  "%s: one that comes back when an assembly without it was cut off is not believed",
  async (_name, shape) => {
    const run = await CrashRun.create(shape, sizeOf(shape));
    await run.run(drawWrites(74, 20, shape));
    const isHalf = shape.memberCount - geometryOf(shape).lossesMax <= 1;
    const options = { ...smallAssembly, force: isHalf };
    for (let moment = 5; moment < run.moments.length; moment += 41) {
      const left = run.images({ moment, seed: moment, crash: "power", lost: [] });
      const gone = moment % shape.memberCount;
      const without = left.map((image, index) => (index === gone ? undefined : image?.copy()));
      const second = await CrashRun.over(shape, testWorld(moment), without, { options });
      for (const version of second.model.change(0, await second.content(), 0)) version.durable = 0;
      const seen = second.moments.length;
      const length = second.array.sizeBytes;
      await second.step({ kind: "write", at: 0, length, value: 99, isDurable: true });
      for (let later = 0; later < second.moments.length; later++) {
        const images = [...second.images({ moment: later, seed: later, crash: "power", lost: [] })];
        images[gone] = left[gone]?.copy();
        const array = await open(images);
        const content = await contentOf(array);
        const wrong =
          later < seen ? run.model.refute(content, moment) : second.model.refute(content, later);
        expect(wrong).toBeUndefined();
        await array.settled();
        const findings = { repaired: 0, lostAt: [], parityRepaired: 0 };
        expect(await array.scrub()).toMatchObject(findings);
      }
    }
  },
);

test("a member of another array is refused by name, and a wiped one is missing", async () => {
  for (const shape of redundantShapes) {
    const { run, images } = await written(shape);
    const bytes = new Uint8Array(sizeOf(shape));
    const strangers = Array.from({ length: shape.memberCount }, (_, index) =>
      memoryMember(index, 0),
    );
    const options = smallOptions(shape, bytes.length);
    await (await createArray(testWorld(77), strangers, options)).close();
    const mixed = [strangers[0]?.image, ...images.slice(1)].map((image) => image?.copy());
    for (const force of [false, true]) {
      const told = await refusal(mixed, force);
      expect(told).toContain("is a member of the array");
      expect(told).toContain('"disk0"');
    }
    const wiped = [new PagedImage(images[0]?.sizeBytes ?? 0), ...images.slice(1)];
    const isHalf = shape.memberCount - geometryOf(shape).lossesMax <= 1;
    const array = await open(wiped, isHalf);
    expect(array.status().members[0]?.state).toBe("missing");
    expect(run.model.refute(await contentOf(array), run.moments.length)).toBeUndefined();
  }
});

test("a mirror that is read twice after a crash gives one answer, whichever half is left", async () => {
  const [shape] = redundantShapes;
  if (shape === undefined) return;
  const run = await CrashRun.create(shape, sizeOf(shape));
  await run.run(drawWrites(4, 12, shape));
  for (let moment = 0; moment < run.moments.length; moment += 3) {
    const point = { moment, seed: moment, crash: "power", lost: [] } as const;
    expect(await run.refuteTwice(point, 2, [[0], [1]])).toBeUndefined();
  }
});
