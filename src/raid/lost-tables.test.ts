import { describe, expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import type { MemoryVolume } from "../volume/memory-volume.ts";
import { assembleArray, createArray, type RaidArray } from "./array.ts";
import { contentOf, pattern } from "./crash-run.suite.ts";
import { Geometry } from "./geometry.ts";
import { MemberLayout, tableCopiesOf } from "./member-layout.ts";
import {
  memoryMember,
  shapeName,
  smallAssembly,
  smallOptions,
  type SmallShape,
  smallShapes,
  testWorld,
} from "./test-array.suite.ts";

const SIZE_BYTES = 4096;
const parityShapes = smallShapes.filter(({ level }) => 4 <= level);

describe("a table block of which no copy is left", () => {
  test.each(parityShapes.map((shape) => [shapeName(shape), shape] as const))(
    "costs nothing on %s: its blocks are had from their rows",
    async (_name, shape) => {
      for (let slot = 0; slot < shape.memberCount; slot++) {
        const { members, content } = await written(shape);
        spoilTable(shape, members, slot);
        const { array, lost } = await assembled(shape, members);
        expect(lost).toBe(1);
        expect(await contentOf(array)).toEqual(content);
        await array.settled();
        const found = await array.scrub();
        expect(found).toMatchObject({ repaired: 0, lostAt: [], parityRepaired: 0 });
        await array.close();
        for (let missing = 0; missing < shape.memberCount; missing++) {
          const left = members.filter((_, index) => index !== missing);
          const again = await assembled(shape, left.map(apart));
          expect(again.lost).toBe(0);
          expect(await contentOf(again.array)).toEqual(content);
        }
      }
    },
  );

  test("costs nothing on RAID 6 without a member either, and what comes back catches up", async () => {
    for (const shape of parityShapes.filter(({ level }) => level === 6)) {
      for (let slot = 0; slot < shape.memberCount; slot++) {
        const { members, content } = await written(shape);
        spoilTable(shape, members, slot);
        const missing = (slot + 1) % shape.memberCount;
        const left = members.filter((_, index) => index !== missing);
        const { array } = await assembled(shape, left);
        expect(await contentOf(array)).toEqual(content);
        const returned = members[missing];
        if (returned === undefined) throw new Error("there is no such member");
        await array.add(copyOf(returned));
        await array.settled();
        expect(await array.scrub()).toMatchObject({ repaired: 0, lostAt: [], parityRepaired: 0 });
        expect(await contentOf(array)).toEqual(content);
      }
    }
  });

  test("costs nothing on RAID 5 without a member, where that one's checksums are known", async () => {
    for (const shape of smallShapes.filter(({ level }) => level === 5)) {
      const { members, content } = await written(shape);
      spoilTable(shape, members, 0);
      expect(await toldOf(shape, members.slice(0, -1), content)).toBe(0);
    }
  });

  test("is told where the rows have nothing to say of it, and nothing wrong is", async () => {
    for (const shape of smallShapes.filter(({ level }) => level === 5)) {
      const { members, content } = await written(shape);
      spoilTable(shape, members, 0);
      members[0]?.image.write(layoutOf(shape).rowAt(0), pattern(shape.blockBytes, 98));
      expect(await toldOf(shape, members.slice(0, -1), content)).toBeGreaterThan(0);
    }
  });

  test("is told on mirrors, which cannot tell what was trimmed", async () => {
    for (const shape of smallShapes.filter(({ level }) => level === 1)) {
      const { members } = await written(shape);
      spoilTable(shape, members, 0);
      const { array } = await assembled(shape, members);
      const outcome: unknown = await contentOf(array).catch((error: unknown) => error);
      expect(isFault(outcome, "ERR_CORRUPT")).toBe(true);
    }
  });
});

/** Members of a closed array in which every kind of block is: written, over, trimmed, never. */
async function written(
  shape: SmallShape,
): Promise<{ readonly members: MemoryVolume[]; readonly content: Uint8Array }> {
  const members = Array.from({ length: shape.memberCount }, (_, index) => memoryMember(index, 0));
  const array = await createArray(testWorld(), members, smallOptions(shape, SIZE_BYTES));
  await array.writeDurable(0, pattern(SIZE_BYTES - 1000, 1));
  await array.checkpoint();
  await array.writeDurable(700, pattern(900, 2));
  await array.trim(1024, 1024);
  const content = await contentOf(array);
  await array.close();
  return { members, content };
}

/** How many blocks are told as lost; the others must be right. */
async function toldOf(
  shape: SmallShape,
  members: readonly MemoryVolume[],
  content: Uint8Array,
): Promise<number> {
  const { array } = await assembled(shape, members);
  let told = 0;
  for (let at = 0; at < SIZE_BYTES; at += shape.blockBytes) {
    const bytes = new Uint8Array(shape.blockBytes);
    const outcome: unknown = await array.read(at, bytes).catch((error: unknown) => error);
    if (isFault(outcome, "ERR_CORRUPT")) told++;
    else expect(bytes).toEqual(content.slice(at, at + shape.blockBytes));
  }
  return told;
}

function layoutOf(shape: SmallShape): MemberLayout {
  return new MemberLayout({
    ...smallOptions(shape, SIZE_BYTES),
    tableCopies: tableCopiesOf(shape),
  });
}

/** Spoils both sides of the slot's first table block on all that hold it. */
function spoilTable(shape: SmallShape, members: readonly MemoryVolume[], slot: number): void {
  const tableCopies = tableCopiesOf(shape);
  const layout = layoutOf(shape);
  const { isMirror } = new Geometry({ ...shape, layout: "left-symmetric" });
  for (const [index, { image }] of members.entries()) {
    const copy = isMirror ? 0 : (index - slot + members.length) % members.length;
    if (tableCopies <= copy) continue;
    for (const side of [0, 1]) image.write(layout.tableAt(0, copy, side) + 40, pattern(20, 99));
  }
}

async function assembled(
  shape: SmallShape,
  members: readonly MemoryVolume[],
): Promise<{ readonly array: RaidArray; readonly lost: number }> {
  const world = testWorld(3);
  const { lossesMax } = new Geometry({ ...shape, layout: "left-symmetric" });
  const force = members.length <= lossesMax;
  const array = await assembleArray(world, members.map(copyOf), { ...smallAssembly, force });
  return { array, lost: world.events.filter(({ name }) => name === "raid.table-lost").length };
}

/** The same image under a new volume, since the array closes those that it had. */
function copyOf(member: MemoryVolume): MemoryVolume {
  return memoryMember(Number(member.name.slice(4)), member.image);
}

/** The same bytes in an image of its own. */
function apart(member: MemoryVolume): MemoryVolume {
  return memoryMember(Number(member.name.slice(4)), member.image.copy());
}
