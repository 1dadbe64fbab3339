import { expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import { FaultPlan } from "../volume/fault-plan.ts";
import type { MemoryVolume } from "../volume/memory-volume.ts";
import { testVolume } from "../volume/volume.suite.ts";
import { assembleArray, createArray, type RaidArray } from "./array.ts";
import { contentOf, CrashRun, pattern } from "./crash-run.suite.ts";
import {
  memoryMember,
  smallAssembly,
  smallOptions,
  type SmallShape,
  smallShapes,
  testWorld,
} from "./test-array.suite.ts";

const five: SmallShape = { level: 5, memberCount: 3, blockBytes: 64, chunkBlocks: 1 };
const mirror: SmallShape = { level: 1, memberCount: 2, blockBytes: 64, chunkBlocks: 1 };
const SIZE_BYTES = 4096;

testVolume("RAID 1 made of arrays of RAID 5", async () => {
  const halves: RaidArray[] = [];
  for (let half = 0; half < 2; half++) {
    const members = [0, 1, 2].map((index) => memoryMember(index + 3 * half, 0));
    halves.push(await createArray(testWorld(half), members, smallOptions(five, 200_000)));
  }
  const volume = await createArray(testWorld(7), halves, smallOptions(mirror, 65_536));
  return { volume, reopen: undefined };
});

test("trims are forgotten, and what was written is known block by block", async () => {
  for (const shape of smallShapes) {
    const { array } = await fresh(shape);
    const block = array.blockBytes;
    expect(array.isWritten(0, 4096)).toEqual({ written: false, byteCount: 4096 });
    await array.write(block, pattern(3 * block, 1));
    expect(array.isWritten(0, 4 * block)).toEqual({ written: false, byteCount: block });
    expect(array.isWritten(block, 7 * block)).toEqual({ written: true, byteCount: 3 * block });
    await array.trim(2 * block, block);
    expect(array.isWritten(block, 7 * block)).toEqual({ written: true, byteCount: block });
    expect(array.isWritten(2 * block + 5, 7)).toEqual({ written: false, byteCount: 7 });
    const expected = new Uint8Array(5 * block);
    expected.set(pattern(3 * block, 1), block);
    expected.fill(0, 2 * block, 3 * block);
    await array.trim(3 * block + 8, 16);
    expected.fill(0, 3 * block + 8, 3 * block + 24);
    for (const isPlaced of [false, true]) {
      if (isPlaced) await array.checkpoint();
      const bytes = new Uint8Array(5 * block);
      await array.read(0, bytes);
      expect(bytes).toEqual(expected);
    }
    await array.trim(0, 8 * block);
    await array.checkpoint();
    expect(array.isWritten(0, 4096)).toEqual({ written: false, byteCount: 4096 });
    expect(await array.scrub()).toMatchObject({ blocks: 0, repaired: 0 });
  }
});

test("a member that was away is behind when it comes back, alone or with the others", async () => {
  const { array, members } = await fresh(five);
  await array.writeDurable(0, pattern(SIZE_BYTES, 1));
  await array.checkpoint();
  await array.fail(1);
  await array.writeDurable(0, pattern(SIZE_BYTES, 2));
  await array.close();
  expect(await assembled([members[1]]).catch(codeOf)).toBe("ERR_UNAVAILABLE");
  const again = await assembled(members);
  if (typeof again === "string") throw new Error(again);
  expect(await contentOf(again)).toEqual(pattern(SIZE_BYTES, 2));
  expect(again.status().members.map(({ state }) => state)).toEqual(["active", "missing", "active"]);
  expect(await again.add(copyOf(members[1]))).toEqual({ kind: "re-added", role: 1 });
  await again.settled();
  expect(again.status().health).toBe("whole");
  expect(await again.scrub()).toMatchObject({ repaired: 0, lostAt: [] });
});

test("an old copy of a member is noticed, and isn't let in by its event alone", async () => {
  const { array, members } = await fresh(five);
  await array.writeDurable(0, pattern(SIZE_BYTES, 1));
  await array.checkpoint();
  const old = copyOf(members[2]);
  await array.writeDurable(0, pattern(SIZE_BYTES, 2));
  await array.checkpoint();
  await array.checkpoint();
  await array.close();
  const again = await assembled([members[0], members[1], old]);
  if (typeof again === "string") throw new Error(again);
  expect(again.status().members[2]?.state).toBe("missing");
  expect(await contentOf(again)).toEqual(pattern(SIZE_BYTES, 2));
  expect(await again.add(copyOf(old))).toEqual({ kind: "rebuilding", role: 2 });
  await again.settled();
  expect(await again.scrub()).toMatchObject({ repaired: 0, lostAt: [] });
});

test("the halves of a mirror that each went on alone are refused, and stay as they are", async () => {
  const { array, members } = await fresh(mirror);
  await array.writeDurable(0, pattern(SIZE_BYTES, 1));
  await array.close();
  expect(await assembled([members[0]]).catch(codeOf)).toBe("ERR_UNAVAILABLE");
  const halves = members.map((member) => copyOf(member));
  for (const [index, half] of halves.entries()) {
    const alone = await assembleArray(testWorld(index + 5), [half], {
      ...smallAssembly,
      force: true,
    });
    expect(alone.risks.length).toBe(1);
    await alone.writeDurable(0, pattern(SIZE_BYTES, 10 + index));
    await alone.close();
  }
  const before = halves.map((half) => half.image.copy());
  const outcome: unknown = await assembled(halves).catch((error: unknown) => error);
  expect(isFault(outcome, "ERR_FORMAT")).toBe(true);
  for (const [index, half] of halves.entries()) {
    expect(bytesOf(half.image)).toEqual(bytesOf(before[index] ?? half.image));
    const again = await assembled([half]);
    if (typeof again === "string") throw new Error(again);
    expect(await contentOf(again)).toEqual(pattern(SIZE_BYTES, 10 + index));
    expect(await again.add(copyOf(halves[1 - index])).catch(codeOf)).toBe("ERR_ARGUMENT");
  }
});

test("members of other arrays are refused, also as new ones", async () => {
  const one = await fresh(five);
  const other = await fresh(five, 9);
  await one.array.close();
  const mixed = [one.members[0], one.members[1], other.members[2]];
  expect(await assembled(mixed).catch(codeOf)).toBe("ERR_FORMAT");
  const foreign = copyOf(one.members[0]);
  expect(await other.array.add(foreign).catch(codeOf)).toBe("ERR_ARGUMENT");
  expect(await createArray(testWorld(), [foreign], smallOptions(five, 100)).catch(codeOf)).toBe(
    "ERR_ARGUMENT",
  );
});

test("a second error while a member is rebuilt loses that block by name, until it can be had", async () => {
  const plan = new FaultPlan();
  const run = await CrashRun.create(five, SIZE_BYTES, plan);
  await run.step({ kind: "write", at: 0, length: SIZE_BYTES, value: 1, isDurable: true });
  await run.array.checkpoint();
  await run.array.fail(0);
  const size = run.recordings[1]?.sizeBytes ?? 0;
  plan.add({
    operations: ["read"],
    path: "disk1",
    range: { at: size - 640, length: 1 },
    skip: 0,
    count: "forever",
    fault: { kind: "unreadable" },
  });
  await run.array.add(run.addVolume());
  await run.array.settled();
  expect(run.array.status().health).toBe("whole");
  expect(run.array.status().counters.blocksLost).toBe(1);
  const lost: number[] = [];
  for (let at = 0; at < SIZE_BYTES; at += 64) {
    const bytes = new Uint8Array(64);
    const outcome: unknown = await run.array.read(at, bytes).catch((error: unknown) => error);
    if (isFault(outcome, "ERR_CORRUPT")) lost.push(at);
    else expect(bytes).toEqual(pattern(SIZE_BYTES, 1).slice(at, at + 64));
  }
  const named = run.world.events.find(({ name }) => name === "raid.block-lost")?.fields["at"];
  expect(lost.length).toBeGreaterThan(0);
  if (named !== undefined) expect(lost).toContain(named);
  // What could not be read may be read again, and then nothing is lost.
  plan.clear();
  expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
  await run.step({ kind: "write", at: 0, length: SIZE_BYTES, value: 2, isDurable: true });
  expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
  expect(await run.array.scrub()).toMatchObject({ lostAt: [], parityRepaired: 0 });
});

test("a journal whose middle is gone is refused, and its torn end is not", async () => {
  const { array, members } = await fresh(five);
  for (let value = 1; value < 5; value++) await array.writeDurable(64, pattern(64, value));
  const batches = journalBatches(members[0], members[1], members[2]);
  expect(batches.length).toBeGreaterThanOrEqual(4);
  const middle = batches.at(-2) ?? 0;
  const end = batches.at(-1) ?? 0;
  const torn = await assembled(members.map((member) => spoiled(member, end)));
  if (typeof torn === "string") throw new Error(torn);
  expect((await contentOf(torn)).slice(64, 128)).toEqual(pattern(64, 3));
  const gap = members.map((member) => spoiled(member, middle));
  expect(await assembled(gap).catch(codeOf)).toBe("ERR_CORRUPT");
});

test("reads are right while stripes are laid out anew", async () => {
  const shape = { level: 5, memberCount: 3, blockBytes: 64, chunkBlocks: 2 } as const;
  const run = await CrashRun.create(shape, 8192);
  await run.step({ kind: "write", at: 0, length: 8192, value: 1, isDurable: true });
  await run.array.checkpoint();
  await run.array.growBy(run.addVolume());
  let reads = 0;
  do {
    const at = (reads * 1237) % 7000;
    const bytes = new Uint8Array(1000);
    const reading = run.array.read(at, bytes);
    if (reads % 7 === 0) await run.array.checkpoint();
    await reading;
    expect(bytes).toEqual(pattern(8192, 1).slice(at, at + 1000));
    reads++;
  } while (run.array.status().job !== undefined);
  expect(reads).toBeGreaterThan(10);
  expect(run.array.sizeBytes).toBe(12_288);
  expect((await run.content()).slice(8192).every((byte) => byte === 0)).toBe(true);
});

test("what cannot be created is refused with the reason", async () => {
  const options = smallOptions(five, SIZE_BYTES);
  const members = [0, 1, 2].map((index) => memoryMember(index, 0));
  const refused = async (bad: object, count = 3): Promise<string> => {
    const made = createArray(testWorld(), members.slice(0, count), { ...options, ...bad });
    return await made.then(() => "created", codeOf);
  };
  expect(await refused({}, 2)).toBe("ERR_ARGUMENT");
  expect(await refused({ journalBytes: 1024 })).toBe("ERR_ARGUMENT");
  expect(await refused({ blockBytes: 100 })).toBe("ERR_ARGUMENT");
  expect(await refused({ sizeBytes: undefined })).toBe("ERR_ARGUMENT");
  expect(await refused({ sizeBytes: "1G" })).toBe("ERR_ARGUMENT");
  expect(await refused({ sizeBytes: 0 })).toBe("ERR_ARGUMENT");
  expect(await refused({ sizeBytes: 5000.5 })).toBe("ERR_ARGUMENT");
  expect(await refused({ sizeBytes: 2 ** 60 })).toBe("ERR_ARGUMENT");
  expect(await refused({})).toBe("created");
  expect(await refused({})).toBe("ERR_ARGUMENT");
});

async function fresh(
  shape: SmallShape,
  seed = 1,
): Promise<{ readonly array: RaidArray; readonly members: readonly MemoryVolume[] }> {
  const members = Array.from({ length: shape.memberCount }, (_, index) => memoryMember(index, 0));
  const array = await createArray(testWorld(seed), members, smallOptions(shape, SIZE_BYTES));
  return { array, members };
}

function copyOf(member: MemoryVolume | undefined): MemoryVolume {
  if (member === undefined) throw new Error("there is no such member");
  return memoryMember(Number(member.name.slice(4)), member.image.copy());
}

async function assembled(
  members: readonly (MemoryVolume | undefined)[],
): Promise<RaidArray | string> {
  return await assembleArray(testWorld(3), members.map(copyOf), smallAssembly);
}

function codeOf(error: unknown): string {
  return isFault(error) ? error.code : String(error);
}

function bytesOf(image: MemoryVolume["image"]): Uint8Array {
  const bytes = new Uint8Array(image.sizeBytes);
  image.read(0, bytes);
  return bytes;
}

/** Where batches begin in the ring, in the order of their numbers. */
function journalBatches(...members: readonly (MemoryVolume | undefined)[]): readonly number[] {
  const found = new Map<number, number>();
  for (const member of members) {
    const bytes = bytesOf(copyOf(member).image);
    const view = new DataView(bytes.buffer);
    for (let at = 8192; at < 8192 + 8192; at += 512) {
      if (view.getUint32(at, true) === 0x424a6648) found.set(view.getUint32(at + 48, true), at);
    }
  }
  return [...found].toSorted(([left], [right]) => left - right).map(([, at]) => at);
}

function spoiled(member: MemoryVolume, at: number): MemoryVolume {
  const copy = copyOf(member);
  copy.image.write(at + 100, pattern(20, 77));
  return copy;
}
