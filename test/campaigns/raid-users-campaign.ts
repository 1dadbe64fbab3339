/**
 * Several users of one array at once, each with a region of its own that it knows the content of,
 * while an administrator fails, adds, replaces and grows members, and scrubs. Members answer late
 * and out of order, by dice, so that every order of steps may come.
 *
 * Whatever is read is what was written last; no block had to be put right, since none was wrong;
 * and a scrub at the end agrees.
 */

import assert from "node:assert/strict";
import { isFault } from "../../src/base/fault.ts";
import { SeededRandom } from "../../src/base/random.ts";
import { createArray, type RaidArray } from "../../src/raid/array.ts";
import {
  memoryMember,
  smallOptions,
  type SmallShape,
  smallShapes,
  type TestWorld,
  testWorld,
} from "../../src/raid/test-array.suite.ts";
import type { Volume } from "../../src/volume/volume.ts";

const USERS = 4;
const BLOCKS_PER_USER = 12;
const ACTIONS_PER_USER = 14;
const ADMINISTRATION_STEPS = 6;
const MEMBERS_MAX = 6;
const TURNS_BETWEEN_ACTIONS_MAX = 12;
const TURNS_BETWEEN_STEPS_MAX = 200;
const TURNS_LATE_MAX = 8;
/** One answer the administrator is to live with: the array is busy, or whole, or not whole. */
const REFUSALS = ["ERR_UNAVAILABLE", "ERR_ARGUMENT"] as const;

/** Runs one array of each shape. */
export async function raidUsersCampaign(
  seed: number,
  shapes: readonly SmallShape[] = smallShapes,
): Promise<{ runs: number }> {
  for (const [index, shape] of shapes.entries()) {
    await new SharedArray(seed * shapes.length + index, shape).run();
  }
  return { runs: shapes.length };
}

class SharedArray {
  readonly #shape: SmallShape;
  readonly #random: SeededRandom;
  readonly #world: TestWorld;
  readonly #turnsLateMax: number;
  readonly #model: Uint8Array;
  #memberCount = 0;

  constructor(seed: number, shape: SmallShape) {
    this.#shape = shape;
    this.#random = new SeededRandom(seed);
    this.#world = testWorld(seed);
    this.#turnsLateMax = 1 + this.#random.below(TURNS_LATE_MAX);
    this.#model = new Uint8Array(USERS * BLOCKS_PER_USER * shape.blockBytes);
  }

  async run(): Promise<void> {
    const members = Array.from({ length: this.#shape.memberCount }, () => this.#newMember());
    const options = smallOptions(this.#shape, this.#model.length);
    const array = await createArray(this.#world, members, options);
    const users = Array.from({ length: USERS }, async (_, user) => await this.#use(array, user));
    await Promise.all([...users, this.#administer(array)]);
    if (this.#random.below(2) === 0) await array.settled();

    await this.#expectContent(array, 0, this.#model.length);
    const { blocksRepaired, blocksLost } = array.status().counters;
    assert.deepEqual([blocksRepaired, blocksLost], [0, 0], "no block was wrong");
    await array.settled();
    const report = await array.scrub();
    assert.deepEqual([report?.repaired, report?.parityRepaired, report?.lostAt], [0, 0, []]);
    const stopped = this.#world.events.find(({ name }) => name === "raid.background-stopped");
    assert.equal(stopped, undefined, "no work in the background came to an end before its time");
    await array.close();
  }

  async #use(array: RaidArray, user: number): Promise<void> {
    const regionBytes = BLOCKS_PER_USER * this.#shape.blockBytes;
    const from = user * regionBytes;
    for (let action = 0; action < ACTIONS_PER_USER; action++) {
      await this.#act(array, from, regionBytes);
      await turns(this.#random.below(TURNS_BETWEEN_ACTIONS_MAX));
    }
  }

  async #act(array: RaidArray, from: number, regionBytes: number): Promise<void> {
    const at = from + this.#random.below(regionBytes);
    const length = 1 + this.#random.below(from + regionBytes - at);
    switch (this.#random.below(6)) {
      case 0:
        await array.trim(at, length);
        this.#model.fill(0, at, at + length);
        break;
      case 1:
        await this.#writeBlocks(array, from);
        break;
      case 2:
        await this.#expectContent(array, from, regionBytes);
        break;
      case 3:
        await array.sync();
        break;
      default: {
        const bytes = this.#bytes(length);
        await array.write(at, bytes);
        this.#model.set(bytes, at);
      }
    }
  }

  async #writeBlocks(array: RaidArray, from: number): Promise<void> {
    const { blockBytes } = this.#shape;
    const first = this.#random.below(BLOCKS_PER_USER - 1);
    const count = 1 + this.#random.below(BLOCKS_PER_USER - first);
    const bytes = this.#bytes(count * blockBytes);
    const at = from + first * blockBytes;
    await array.writeDurable(at, bytes);
    this.#model.set(bytes, at);
  }

  async #administer(array: RaidArray): Promise<void> {
    for (let step = 0; step < ADMINISTRATION_STEPS; step++) {
      await turns(this.#random.below(TURNS_BETWEEN_STEPS_MAX));
      try {
        await this.#administerOnce(array);
      } catch (error) {
        if (!REFUSALS.some((code) => isFault(error, code))) throw error;
      }
    }
  }

  async #administerOnce(array: RaidArray): Promise<void> {
    const { members } = array.status();
    const active = members.filter(({ state }) => state === "active").length;
    const isWhole =
      active === members.length && members.every(({ replacement }) => replacement === undefined);
    const role = this.#random.below(members.length);
    switch (this.#random.below(6)) {
      case 0:
        if (members.length - active < this.#lossesMax(members.length)) await array.fail(role);
        break;
      case 1:
        if (active < members.length) await array.add(this.#newMember());
        break;
      case 2:
        await array.scrub();
        break;
      case 3:
        if (isWhole) await array.replace(role, this.#newMember());
        break;
      case 4:
        if (isWhole && members.length < MEMBERS_MAX) await array.growBy(this.#newMember());
        break;
      default:
        await array.grow(array.sizeBytes + this.#shape.blockBytes * this.#random.below(20));
    }
  }

  #lossesMax(memberCount: number): number {
    switch (this.#shape.level) {
      case 0:
        return 0;
      case 1:
        return memberCount - 1;
      case 4:
      case 5:
        return 1;
      case 6:
        return 2;
    }
  }

  async #expectContent(array: RaidArray, from: number, length: number): Promise<void> {
    const found = new Uint8Array(length);
    await array.read(from, found);
    const expected = this.#model.subarray(from, from + length);
    const wrong = found.findIndex((byte, index) => byte !== expected[index]);
    assert.equal(wrong, -1, `byte ${from + wrong} is ${found[wrong]}, not ${expected[wrong]}`);
  }

  #bytes(length: number): Uint8Array {
    return new Uint8Array(length).fill(1 + this.#random.below(255));
  }

  #newMember(): Volume {
    const late = async (): Promise<void> => {
      await turns(this.#random.below(this.#turnsLateMax));
    };
    return lateVolume(memoryMember(this.#memberCount++, 0), late);
  }
}

/** A volume whose operations wait before and behind what they do. */
function lateVolume(inner: Volume, late: () => Promise<void>): Volume {
  const delayed = async (operation: () => Promise<void>): Promise<void> => {
    await late();
    await operation();
    await late();
  };
  return {
    name: inner.name,
    writeUnitBytes: inner.writeUnitBytes,
    get sizeBytes() {
      return inner.sizeBytes;
    },
    get failure() {
      return inner.failure;
    },
    read: async (at, target) => await delayed(async () => await inner.read(at, target)),
    write: async (at, source) => await delayed(async () => await inner.write(at, source)),
    writeDurable: async (at, source) =>
      await delayed(async () => await inner.writeDurable(at, source)),
    writeDurableNow: () => false,
    sync: async () => await delayed(async () => await inner.sync()),
    grow: async (sizeBytes) => await delayed(async () => await inner.grow(sizeBytes)),
    canShrink: inner.canShrink,
    shrink: async (sizeBytes) => await delayed(async () => await inner.shrink(sizeBytes)),
    close: async () => await inner.close(),
  };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}
