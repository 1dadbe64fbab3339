import { expect, test } from "vitest";
import { Fault } from "../base/fault.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { assembleArray, createArray, type RaidArray } from "./array.ts";
import { contentOf, pattern } from "./crash-run.suite.ts";
import {
  memoryMember,
  smallAssembly,
  smallOptions,
  type SmallShape,
  testWorld,
} from "./test-array.suite.ts";

const SIZE_BYTES = 4096;
const five: SmallShape = { level: 5, memberCount: 3, blockBytes: 64, chunkBlocks: 1 };
const mirror: SmallShape = { level: 1, memberCount: 2, blockBytes: 64, chunkBlocks: 1 };

test("one that joined before a crash, and not those who went on, doesn't take them back", async () => {
  for (const comes of ["back", "anew"] as const) {
    const { array, members } = await fresh(five);
    await array.writeDurable(0, pattern(SIZE_BYTES, 1));
    await array.fail(1);
    await array.writeDurable(0, pattern(SIZE_BYTES, 2));
    await array.close();
    const others = [members[0], members[2]].map(copyOf);

    const cut = await assembled([members[0], members[2]].map(copyOf));
    const joining = comes === "back" ? copyOf(members[1]) : memoryMember(7, 0);
    await cut.add(joining);
    // Of all that have the record that says so, only this one is seen again.
    const joined = copyOf(joining);

    const alone = await assembled(others);
    for (let round = 3; round < 20; round++) {
      await alone.writeDurable(0, pattern(SIZE_BYTES, round));
      await alone.checkpoint();
    }
    await alone.close();
    const all = await assembled([joined, ...others].map(copyOf));
    expect(await contentOf(all)).toEqual(pattern(SIZE_BYTES, 19));
    expect(all.status().members[1]?.state).toBe("missing");
    expect(await all.add(copyOf(joined))).toEqual({ kind: "rebuilding", role: 1 });
    await all.settled();
    expect(await all.scrub()).toMatchObject({ repaired: 0, lostAt: [], parityRepaired: 0 });
    expect(all.status().health).toBe("whole");
  }
});

test("a copy is had from the member that has it, whoever leaves while it is looked for", async () => {
  const { array, members } = await fresh(mirror);
  await array.writeDurable(0, pattern(SIZE_BYTES, 1));
  await array.close();
  for (const dying of [0, 1]) {
    const held = members.map((member) => new HeldVolume(member));
    const again = await assembled(held);
    let reads = 0;
    const volume = held[dying];
    if (volume === undefined) throw new Error("there is no such member");
    volume.onRead = async (_, target) => {
      if (target.length !== mirror.blockBytes) return;
      // It fails to read, and when it is asked for the last time it is gone.
      if (++reads === 4) await again.fail(dying);
      throw new Fault("ERR_IO", "the sector cannot be read");
    };
    for (let at = 0; at < SIZE_BYTES; at += mirror.blockBytes) {
      const bytes = new Uint8Array(mirror.blockBytes);
      await again.read(at, bytes);
      expect(bytes).toEqual(pattern(SIZE_BYTES, 1).slice(at, at + bytes.length));
    }
    expect(reads).toBe(4);
    expect(await contentOf(again)).toEqual(pattern(SIZE_BYTES, 1));
  }
});

test("a read that lasts through the beginning of a second growth finds what moved", async () => {
  const { array, members } = await fresh(five);
  await array.writeDurable(0, pattern(SIZE_BYTES, 1));
  await array.close();
  const held = members.map((member) => new HeldVolume(member));
  const again = await assembled(held);
  await again.growBy(memoryMember(3, 0));
  await again.settled();
  expect(await contentOf(again)).toEqual(padded(pattern(SIZE_BYTES, 1), again.sizeBytes));

  const releases: (() => void)[] = [];
  for (const one of held) {
    one.onRead = async () => await new Promise<void>((resolve) => releases.push(resolve));
  }
  const places = Array.from({ length: 16 }, (_, index) => index * 64);
  const reading = places.map(async (at) => {
    const bytes = new Uint8Array(64);
    await again.read(at, bytes);
    return bytes;
  });
  for (const one of held) one.onRead = undefined;
  await again.growBy(memoryMember(4, 0));
  await again.settled();
  for (const release of releases) release();
  const expected = places.map((at) => pattern(SIZE_BYTES, 1).slice(at, at + 64));
  expect(await Promise.all(reading)).toEqual(expected);
});

/** A member whose reads wait for whatever they are told to wait for. */
class HeldVolume extends MemoryVolume {
  onRead: ((at: number, target: Uint8Array) => Promise<void>) | undefined;

  constructor({ image, name }: MemoryVolume) {
    super(image.copy(), { name, writeUnitBytes: 64 });
  }

  override async read(at: number, target: Uint8Array): Promise<void> {
    await this.onRead?.(at, target);
    await super.read(at, target);
  }
}

async function fresh(
  shape: SmallShape,
): Promise<{ readonly array: RaidArray; readonly members: readonly MemoryVolume[] }> {
  const members = Array.from({ length: shape.memberCount }, (_, index) => memoryMember(index, 0));
  const array = await createArray(testWorld(), members, smallOptions(shape, SIZE_BYTES));
  return { array, members };
}

async function assembled(members: readonly MemoryVolume[]): Promise<RaidArray> {
  return await assembleArray(testWorld(3), members, smallAssembly);
}

function copyOf(member: MemoryVolume | undefined): MemoryVolume {
  if (member === undefined) throw new Error("there is no such member");
  return memoryMember(Number(member.name.slice(4)), member.image.copy());
}

function padded(bytes: Uint8Array, length: number): Uint8Array {
  const whole = new Uint8Array(length);
  whole.set(bytes);
  return whole;
}
