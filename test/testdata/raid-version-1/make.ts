/**
 * Makes `arrays.br`: arrays of major version 1, each left by a loss of power while it was written
 * to. Only a program of that version can: copy this file into a checkout of 7afa1e0, the last one,
 * and run `npx tsx test/testdata/raid-version-1/make.ts` there.
 *
 * The file is compressed by brotli: a line of JSON that describes the arrays, then the members of
 * all of them, one after the other.
 */

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import { plainChecksums } from "../../../src/base/checksums.ts";
import type { PagedImage } from "../../../src/volume/paged-image.ts";
import { assembleArray } from "../../../src/raid/array.ts";
import { CrashRun } from "../../../src/raid/crash-run.suite.ts";
import { Geometry } from "../../../src/raid/geometry.ts";
import { SUPERBLOCK_BYTES } from "../../../src/raid/member-layout.ts";
import { type ArrayRecord, decodeSuperblocks } from "../../../src/raid/superblock.ts";
import {
  memoryMember,
  smallAssembly,
  type SmallShape,
  testWorld,
} from "../../../src/raid/test-array.suite.ts";

interface Write {
  readonly at: number;
  readonly length: number;
  readonly value: number;
}

/** What an array was doing while it was written to. */
interface Work {
  readonly title: string;
  readonly begin: (run: CrashRun) => Promise<void>;
  readonly lost: readonly number[];
  readonly isUnderWay: (image: PagedImage) => boolean;
}

interface Found {
  readonly moment: number;
  readonly batches: number;
  readonly images: readonly (PagedImage | undefined)[];
}

const shapes: readonly SmallShape[] = [
  { level: 5, memberCount: 3, blockBytes: 4096, chunkBlocks: 1 },
  { level: 5, memberCount: 4, blockBytes: 512, chunkBlocks: 2 },
  { level: 6, memberCount: 4, blockBytes: 4096, chunkBlocks: 1 },
  { level: 6, memberCount: 5, blockBytes: 512, chunkBlocks: 2 },
];

const works: readonly Work[] = [
  { title: "whole", begin: async () => undefined, lost: [], isUnderWay: () => true },
  {
    title: "degraded",
    begin: async (run) => await run.array.fail(0),
    lost: [0],
    isUnderWay: () => true,
  },
  {
    title: "rebuilding",
    begin: async (run) => {
      await run.array.fail(0);
      await run.array.add(run.addVolume());
    },
    lost: [0],
    isUnderWay: (image) => recordOf(image)?.roles[0]?.state === "rebuilding",
  },
  {
    title: "growing",
    begin: async (run) => await run.array.growBy(run.addVolume()),
    lost: [],
    isUnderWay: (image) => recordOf(image)?.reshape !== undefined,
  },
];

function recordOf(image: PagedImage): ArrayRecord | undefined {
  const copies = [0, 1].map((copy) => {
    const bytes = new Uint8Array(SUPERBLOCK_BYTES);
    image.read(copy * SUPERBLOCK_BYTES, bytes);
    return bytes;
  });
  const found = decodeSuperblocks(copies, plainChecksums());
  return found.kind === "valid" ? found.superblock.array : undefined;
}

/** All of the four stripes first, then of what was written whole stripes, and parts of them. */
function writesOf(stripeBytes: number): readonly Write[] {
  const part = (share: number): number => Math.floor(stripeBytes * share);
  return [
    { at: 0, length: 4 * stripeBytes, value: 1 },
    { at: 0, length: stripeBytes, value: 2 },
    { at: part(0.2), length: part(0.1), value: 3 },
    { at: stripeBytes, length: 2 * stripeBytes, value: 4 },
    { at: part(0.4), length: part(0.7), value: 5 },
    { at: part(0.6), length: part(2.7), value: 6 },
  ];
}

async function foundAt(run: CrashRun, work: Work, moment: number): Promise<Found | undefined> {
  const { lost } = work;
  const images = run.images({ moment, seed: 1, crash: "power", lost });
  const world = testWorld();
  const members = images.flatMap((image, index) =>
    image === undefined ? [] : [memoryMember(index, image.copy())],
  );
  await assembleArray(world, members, { ...smallAssembly, force: false });
  const isUnderWay = images.every((image) => image === undefined || work.isUnderWay(image));
  const replayed = world.events.find(({ name }) => name === "raid.replayed");
  const batches = Number(replayed?.fields["batches"] ?? 0);
  return isUnderWay ? { moment, batches, images } : undefined;
}

/** The moments amid the writing of the last batch, and amid what is put in place of all. */
async function momentsOf(run: CrashRun, work: Work, from: number): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (let moment = from; moment < run.moments.length; moment++) {
    const one = await foundAt(run, work, moment);
    if (one !== undefined) found.push(one);
  }
  const most = Math.max(...found.map(({ batches }) => batches));
  const first = found.findIndex(({ batches }) => batches === most);
  return [found[first - 1], found.findLast(({ batches }) => batches === most)].filter(
    (one) => one !== undefined,
  );
}

const arrays: object[] = [];
const content: Uint8Array[] = [];

for (const shape of shapes) {
  const { stripeBytes } = new Geometry({ ...shape, layout: "left-symmetric" });
  const writes = writesOf(stripeBytes);
  for (const work of works) {
    const run = await CrashRun.create(shape, 4 * stripeBytes);
    const spans: { readonly write: Write; readonly begun: number; readonly ended: number }[] = [];
    for (const write of writes) {
      const begun = run.moments.length - 1;
      await run.step({ kind: "write", ...write, isDurable: true });
      spans.push({ write, begun, ended: run.moments.length - 1 });
      if (spans.length > 1) continue;
      await run.array.checkpoint();
      await work.begin(run);
    }
    for (const { moment, batches, images } of await momentsOf(run, work, spans[0]?.ended ?? 0)) {
      const members = images.map((image) => {
        const bytes = new Uint8Array(image?.sizeBytes ?? 0);
        image?.read(0, bytes);
        return bytes;
      });
      const acknowledged = spans.filter(({ ended }) => ended <= moment);
      const underWay = spans.filter(({ begun, ended }) => begun <= moment && moment < ended);
      arrays.push({
        title: work.title,
        shape,
        batches,
        acknowledged: acknowledged.map(({ write }) => write),
        underWay: underWay.map(({ write }) => write),
        memberBytes: members.map(({ length }) => length),
      });
      content.push(...members);
    }
  }
}

const bytes = Buffer.concat([Buffer.from(`${JSON.stringify(arrays)}\n`), ...content]);
const params = { [constants.BROTLI_PARAM_LGWIN]: 24 };
const packed = brotliCompressSync(bytes, { params });
writeFileSync(fileURLToPath(new URL("arrays.br", import.meta.url)), packed);
