/** Arrays of files, of simulated files and of arrays pass what every volume must. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { HostFiles } from "../../src/host/host-files.ts";
import { assembleArray, createArray } from "../../src/raid/array.ts";
import {
  memoryMember,
  smallAssembly,
  smallOptions,
  type SmallShape,
  testWorld,
} from "../../src/raid/test-array.suite.ts";
import { createFileVolume, openFileVolume } from "../../src/volume/file-volume.ts";
import type { Volume } from "../../src/volume/volume.ts";
import { testVolume, type VolumeUnderTest } from "../../src/volume/volume.suite.ts";
import type { Files } from "../../src/world/files.ts";
import { inWorld } from "../support/small-store.ts";

const SIZE_BYTES = 65_536;
const levels = [0, 1, 4, 5, 6] as const;
let directory = "";
let made = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-raid-"));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

function shapeOf(level: SmallShape["level"], blockBytes: number): SmallShape {
  return { level, memberCount: level === 6 ? 4 : 3, blockBytes, chunkBlocks: 2 };
}

async function openOnFiles(
  files: Files,
  folder: string,
  shape: SmallShape,
): Promise<VolumeUnderTest> {
  const number = made++;
  const paths = Array.from({ length: shape.memberCount }, (_, index) =>
    join(folder, `member-${number}-${index}`),
  );
  const members: Volume[] = [];
  for (const path of paths) members.push(await createFileVolume(files, path, 8192));
  const volume = await createArray(testWorld(), members, smallOptions(shape, SIZE_BYTES));
  const reopen = async (): Promise<Volume> => {
    await volume.close();
    const again: Volume[] = [];
    for (const path of paths.toReversed()) again.push(await openFileVolume(files, path));
    return await assembleArray(testWorld(2), again, smallAssembly);
  };
  return { volume, reopen };
}

for (const level of levels) {
  testVolume(`RAID ${level} of files of the host`, async () => {
    return await openOnFiles(new HostFiles(), directory, shapeOf(level, 4096));
  });

  let files: Files = new HostFiles();
  testVolume(
    `RAID ${level} of simulated files`,
    async () => await openOnFiles(files, "/", shapeOf(level, 4096)),
    async (body) => {
      await inWorld(level, async (world) => {
        files = world.files;
        await body();
      });
    },
  );
}

const pairs = [
  [1, 5],
  [5, 1],
  [6, 4],
  [0, 1],
] as const;

for (const [outer, inner] of pairs) {
  testVolume(`RAID ${outer} of RAID ${inner}`, async () => {
    const [above, below] = [shapeOf(outer, 256), shapeOf(inner, 64)];
    const disks = Array.from({ length: above.memberCount }, (_, which) =>
      Array.from({ length: below.memberCount }, (__, index) => memoryMember(which * 10 + index, 0)),
    );
    const arrays: Volume[] = [];
    for (const [which, members] of disks.entries()) {
      arrays.push(await createArray(testWorld(which + 3), members, smallOptions(below, 8192)));
    }
    const volume = await createArray(testWorld(), arrays, smallOptions(above, SIZE_BYTES));
    const reopen = async (): Promise<Volume> => {
      // Neither is closed, and a member of each array below is gone.
      const again: Volume[] = [];
      for (const [which, members] of disks.entries()) {
        const left = inner === 1 ? members : members.slice(1);
        const images = left.map(({ image, name }) =>
          memoryMember(Number(name.slice(4)), image.copy()),
        );
        again.push(await assembleArray(testWorld(which + 20), images, smallAssembly));
      }
      return await assembleArray(testWorld(2), again, smallAssembly);
    };
    return { volume, reopen };
  });
}
