import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { PagedImage } from "../src/volume/paged-image.ts";
import { BlockModel, choices, CrashRun } from "../src/raid/crash-run.suite.ts";
import { Geometry } from "../src/raid/geometry.ts";
import { JournalReader } from "../src/raid/journal-reader.ts";
import { SUPERBLOCK_BYTES, unitBytesOf } from "../src/raid/member-layout.ts";
import { readByThePage } from "../src/raid/page-reader.suite.ts";
import { shapeName, testWorld } from "../src/raid/test-array.suite.ts";
import { temporaryDirectory } from "./support/directories.ts";
import { runHoldfast } from "./support/server.ts";
import {
  expectWritten,
  majorVersionsOf,
  type VersionOneArray,
  versionOneArrays,
} from "./support/version-one.ts";

const arrays = versionOneArrays();
const named = arrays.map(
  (array) =>
    [`${array.title}, ${shapeName(array.shape)}, ${array.batches} batches`, array] as const,
);

describe("an array of major version 1, cut off while it was written to", () => {
  test.each(named)("%s: has whole rows with their parity in its journal", (_name, array) => {
    const { shape, members } = array;
    const here = members.filter((member) => member !== undefined);
    const batches = here.flatMap((member) => batchesIn(member, unitBytesOf(shape.blockBytes)));
    for (const member of here) expect(majorVersionsOf(member)).toEqual([1, 1]);
    expect(new Set(batches.map((batch) => batch.getUint32(4, true)))).toEqual(new Set([1]));
    expect(Math.max(...batches.map(longestRow))).toBeGreaterThanOrEqual(shape.memberCount);
  });

  test.each(named)("%s: is opened, and of version 2 from then on", async (_name, array) => {
    const run = await opened(array);
    const replayed = run.world.events.find(({ name }) => name === "raid.replayed");
    expect(replayed?.fields).toEqual({ batches: array.batches });
    expect(run.model.refute(await run.content(), 0)).toBeUndefined();
    await run.array.settled();
    expect(await run.array.scrub()).toMatchObject({ repaired: 0, lostAt: [], parityRepaired: 0 });

    // Whole rows, of which a journal of version 2 has no parity.
    const length = run.array.sizeBytes;
    await run.step({ kind: "write", at: 0, length, value: 9, isDurable: true });
    await run.step({ kind: "write", at: 100, length: 600, value: 10, isDurable: true });
    const content = await run.content();
    expect(run.model.refute(content, run.moments.length)).toBeUndefined();
    await run.array.close();
    const members = bytesAtTheEnd(run);
    for (const member of members) expect(majorVersionsOf(member)).toEqual([2, 2]);
    if (array.title !== "degraded") expect(Buffer.compare(readByThePage(members), content)).toBe(0);
  });

  test.each(named)("%s: survives another crash while it is opened", async (_name, array) => {
    const run = await opened(array);
    await run.array.settled();
    const length = run.array.sizeBytes;
    await run.step({ kind: "write", at: 0, length, value: 9, isDurable: true });
    const losses = lossesOf(array);
    for (let moment = 0; moment < run.moments.length; moment += 11) {
      const lost = losses[moment % losses.length] ?? [];
      const crash = moment % 2 === 0 ? "process" : "power";
      expect(await run.refute({ moment, seed: moment, crash, lost })).toBeUndefined();
    }
  });

  test.each(named)("%s: needs its journal for what it must hold", async (_name, array) => {
    vi.spyOn(JournalReader.prototype, "readAll").mockResolvedValue([]);
    vi.spyOn(JournalReader.prototype, "refuseGap").mockResolvedValue();
    const run = await opened(array);
    vi.restoreAllMocks();
    const content = await run.content().catch(() => undefined);
    const isRight = content !== undefined && run.model.refute(content, 0) === undefined;
    expect(isRight).toBe(false);
  });
});

test.each(
  named.filter(
    ([, { batches, shape, title }]) =>
      shape.blockBytes === 4096 && title === "degraded" && batches === 8,
  ),
)("%s: is opened as files, gets a new disk and is whole", async (_name, array) => {
  const directory = temporaryDirectory();
  const files = array.members.map((_, index) => join(directory, `disk${index}`));
  const [fresh = "", ...others] = files;
  for (const [index, file] of files.entries()) writeFileSync(file, array.members[index] ?? "");
  expect((await runHoldfast(["raid", "assemble", ...others])).code).toBe(3);
  for (const file of others) expect(majorVersionsOf(readFileSync(file))).toEqual([2, 2]);
  const added = await runHoldfast(["raid", "add", fresh, "--wait", "--array", ...others]);
  expect({ code: added.code, said: added.stderr }).toMatchObject({ code: 0 });
  const scrubbed = await runHoldfast(["raid", "scrub", ...files, "--wait", "--json"]);
  expect(JSON.parse(scrubbed.stdout)).toMatchObject({ repaired: 0, lostAt: [], parityRepaired: 0 });
  const content = readByThePage(files.map((file) => new Uint8Array(readFileSync(file))));
  const model = new BlockModel(content.length, array.shape.blockBytes);
  expectWritten(model, array);
  expect(model.refute(content, 0)).toBeUndefined();
});

async function opened(array: VersionOneArray): Promise<CrashRun> {
  const images = array.members.map((bytes) => {
    if (bytes === undefined) return undefined;
    const image = new PagedImage(bytes.length);
    image.write(0, bytes);
    return image;
  });
  const run = await CrashRun.over(array.shape, testWorld(), images);
  expectWritten(run.model, array);
  return run;
}

/** What looks like the beginning of a batch, in whatever unit behind the superblocks. */
function batchesIn(member: Uint8Array, unitBytes: number): readonly DataView[] {
  const batches: DataView[] = [];
  for (let at = 2 * SUPERBLOCK_BYTES; at + unitBytes <= member.length; at += unitBytes) {
    const view = new DataView(member.buffer, member.byteOffset + at, unitBytes);
    if (view.getUint32(0, true) === 0x424a6648) batches.push(view);
  }
  return batches;
}

/** Of how many slots of a row the batch has the bytes. */
function longestRow(batch: DataView): number {
  const counts = new Map<bigint, number>();
  for (let index = 0; index < batch.getUint32(68, true); index++) {
    const at = 96 + 16 * index;
    if (batch.byteLength < at + 16) break;
    const row = batch.getBigUint64(at, true);
    if (batch.getUint16(at + 14, true) === 0) counts.set(row, (counts.get(row) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values());
}

function bytesAtTheEnd(run: CrashRun): readonly Uint8Array[] {
  const point = { moment: run.moments.length - 1, seed: 1, crash: "process", lost: [] } as const;
  return run.images(point).flatMap((image) => {
    if (image === undefined || image.sizeBytes === 0) return [];
    const bytes = new Uint8Array(image.sizeBytes);
    image.read(0, bytes);
    return [bytes];
  });
}

/** Members that may be lost besides. */
function lossesOf({ title, shape, members }: VersionOneArray): readonly (readonly number[])[] {
  const { lossesMax } = new Geometry({ ...shape, layout: "left-symmetric" });
  const fewer = title === "degraded" || title === "rebuilding" ? 1 : 0;
  const here = members.flatMap((member, index) => (member === undefined ? [] : [index]));
  return choices(here.length, lossesMax - fewer).map((lost) => lost.map((one) => here[one] ?? 0));
}
