/**
 * The superblock: four copies in the first 64 KiB of a volume, in two pairs that are written in
 * turn. Copy i lies at byte 16384 * i. A superblock with an even sequence is in copies 0 and 1,
 * one with an odd sequence in copies 2 and 3.
 *
 * It guarantees that
 *
 *  1. at every moment, a crash or loss of power then and the rot of any one copy leave the last
 *     superblock whose `write` resolved, or the one whose write was under way;
 *  2. a superblock, once `write` has resolved, is in two copies, each of them durable;
 *  3. no sequence is given to two superblocks, even if a crash or rot hides the first;
 *  4. changes that are asked for at once are made one after the other, each to what the one before
 *     it left, and none after one that failed.
 *
 * `open` believes the newest that two copies hold. A newer one in a lone copy is one whose second
 * copy a crash prevented or rot destroyed: it is believed if what it points to can be read, which
 * the caller checks, since nothing that an older one needs is reused before two copies are written;
 * and it is written a second time by `heal` before anything else is.
 */

import { assert } from "../base/assert.ts";
import { equalBytes } from "../base/bytes.ts";
import { Fault, isFault } from "../base/fault.ts";
import type { Volume } from "../volume/volume.ts";
import type { Checksums } from "../world/world.ts";
import {
  decodeSuperblock,
  encodeSuperblock,
  type FoundCopy,
  type Superblock,
  SUPERBLOCK_BYTES,
  VERSION_MAJOR,
} from "./superblock-format.ts";

export const SUPERBLOCK_ZONE_BYTES = 65536;
const COPY_BYTES = 16384;
const COPY_COUNT = 4;
/** The sequence of one that cannot be read is above that of one that can by fewer than these. */
const HIDDEN_SEQUENCES = 64;

/** A candidate that copies hold, and which of them do. */
interface Candidate {
  readonly sequence: number;
  readonly superblock: Superblock;
  readonly copies: readonly number[];
}

export type IsReadable = (candidate: Superblock) => Promise<boolean>;

export class SuperblockZone {
  /**
   * Whether there may have been a newer one than the one that was believed at the opening, which is
   * lost: neither copy of the other pair can be believed.
   */
  readonly mayBeOlder: boolean;
  readonly #volume: Volume;
  readonly #checksums: Checksums;
  #current: Superblock;
  #sequence: number;
  /** None that was ever on the volume is above it. */
  #sequenceMax: number;
  /** The copies that hold the current one. */
  #copies: readonly number[];
  #isWriting = false;
  /** The change under way, or the last one. */
  #changing: Promise<void> = Promise.resolve();

  private constructor(
    volume: Volume,
    checksums: Checksums,
    candidate: Candidate,
    sequenceMax: number,
    mayBeOlder: boolean,
  ) {
    this.mayBeOlder = mayBeOlder;
    this.#volume = volume;
    this.#checksums = checksums;
    this.#current = candidate.superblock;
    this.#sequence = candidate.sequence;
    this.#copies = candidate.copies;
    this.#sequenceMax = sequenceMax;
  }

  /** Makes the volume one without a superblock, so that a format cut short is seen as none. */
  static async erase(volume: Volume): Promise<void> {
    await volume.grow(SUPERBLOCK_ZONE_BYTES);
    await volume.writeDurable(0, new Uint8Array(SUPERBLOCK_ZONE_BYTES));
  }

  /** Writes the first superblock of a volume that was erased. The last step of a format. */
  static async format(
    volume: Volume,
    checksums: Checksums,
    superblock: Superblock,
  ): Promise<SuperblockZone> {
    const none = { superblock, sequence: 0, copies: [] };
    const zone = new SuperblockZone(volume, checksums, none, 0, false);
    await zone.#writePair(superblock, 1);
    return zone;
  }

  /**
   * Finds the superblock to believe. `ERR_FORMAT` if there is none or it is of another version,
   * `ERR_CORRUPT` if there was one and no copy can be believed.
   */
  static async open(
    volume: Volume,
    checksums: Checksums,
    isReadable: IsReadable,
  ): Promise<SuperblockZone> {
    const found = await readCopies(volume, checksums);
    const candidates = candidatesOf(volume, found);
    for (const candidate of candidates) {
      if (candidate.copies.length === 1 && !(await isReadable(candidate.superblock))) continue;
      const { sequence } = candidate;
      const isAlone = lacksOtherPair(sequence, candidates, found);
      const seenMax = Math.max(...candidates.map((other) => other.sequence));
      const mayBeOlder = sequence < seenMax || isAlone;
      // What cannot be read now may be there again the next time.
      const sequenceMax = isAlone ? seenMax + HIDDEN_SEQUENCES : seenMax;
      return new SuperblockZone(volume, checksums, candidate, sequenceMax, mayBeOlder);
    }
    throw noneValid(volume, found);
  }

  get current(): Superblock {
    return this.#current;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** Whether only one copy holds the current one. */
  get needsHealing(): boolean {
    return this.#copies.length < 2;
  }

  /** Writes the missing copy of the current one. Must come before anything is written or reused. */
  async heal(): Promise<void> {
    for (const copyIndex of pairOf(this.#sequence)) {
      if (this.#copies.includes(copyIndex)) continue;
      await this.#writeCopy(this.#current, this.#sequence, copyIndex);
    }
    this.#copies = pairOf(this.#sequence);
  }

  /**
   * Makes what `edit` makes of the current one the current one, durable in two copies. One of which
   * a single copy may be there leaves open which the next opening will believe. So the owner cannot
   * go on if it fails, even if it was only for want of room, which is told as `ERR_IO`.
   */
  change(edit: (current: Superblock) => Superblock): Promise<void> {
    this.#changing = this.#changing.then(async () => {
      try {
        await this.write(edit(this.#current));
      } catch (error) {
        if (!isFault(error, "ERR_FULL")) throw error;
        throw new Fault(
          "ERR_IO",
          `There was no room for a superblock: ${error.message}`,
          {},
          error,
        );
      }
    });
    return this.#changing;
  }

  /** Resolves when `superblock` is the current one, durable in two copies. */
  async write(superblock: Superblock): Promise<void> {
    assert(!this.needsHealing, "the current superblock is in two copies before it is replaced");
    assert(equalBytes(superblock.volumeId, this.#current.volumeId), "a volume keeps its id");
    await this.#writePair(superblock, nextSequence(this.#sequence, this.#sequenceMax));
  }

  async #writePair(superblock: Superblock, sequence: number): Promise<void> {
    assert(!this.#isWriting, "superblocks are written one after the other");
    this.#isWriting = true;
    // Even if it fails, some of it may be on the volume.
    this.#sequenceMax = sequence;
    const pair = pairOf(sequence);
    try {
      // One after the other: a power cut tears one copy at most, and the current one is elsewhere.
      for (const copyIndex of pair) await this.#writeCopy(superblock, sequence, copyIndex);
    } finally {
      this.#isWriting = false;
    }
    this.#current = superblock;
    this.#sequence = sequence;
    this.#copies = pair;
  }

  async #writeCopy(superblock: Superblock, sequence: number, copyIndex: number): Promise<void> {
    const copy = encodeSuperblock(superblock, sequence, copyIndex, this.#checksums);
    // Whole write units, so that what the device writes at once is nothing but the copy.
    const block = new Uint8Array(Math.max(SUPERBLOCK_BYTES, this.#volume.writeUnitBytes));
    block.set(copy);
    assert(block.length <= COPY_BYTES, "a write unit of the volume is at most 16 KiB");
    await this.#volume.writeDurable(copyIndex * COPY_BYTES, block);
  }
}

/** The copies that a sequence is written to. */
function pairOf(sequence: number): readonly number[] {
  return sequence % 2 === 0 ? [0, 1] : [2, 3];
}

/** Whether nothing is left of the pair of which one copy may hold a newer one than `sequence`. */
function lacksOtherPair(
  sequence: number,
  candidates: readonly Candidate[],
  found: readonly FoundCopy[],
): boolean {
  if (candidates.some((other) => other.sequence % 2 !== sequence % 2)) return false;
  // The first of all has none beside it.
  return sequence > 1 || pairOf(sequence + 1).some((index) => found[index]?.kind === "damaged");
}

/** Above every sequence that was seen, and in the pair that does not hold the current one. */
function nextSequence(current: number, highest: number): number {
  return (highest + 1) % 2 === current % 2 ? highest + 2 : highest + 1;
}

/** One line for each copy: what is there. */
export async function describeCopies(
  volume: Volume,
  checksums: Checksums,
): Promise<readonly string[]> {
  const found = await readCopies(volume, checksums);
  return found.map((copy, index) => {
    const what = copy.kind === "valid" ? `valid, sequence ${copy.sequence}` : copy.kind;
    return `copy ${index} at byte ${index * COPY_BYTES}: ${what}`;
  });
}

async function readCopies(volume: Volume, checksums: Checksums): Promise<readonly FoundCopy[]> {
  if (volume.sizeBytes < SUPERBLOCK_ZONE_BYTES) return [];
  const found: FoundCopy[] = [];
  for (let index = 0; index < COPY_COUNT; index++) {
    const bytes = new Uint8Array(SUPERBLOCK_BYTES);
    try {
      await volume.read(index * COPY_BYTES, bytes);
    } catch (error) {
      // A sector that cannot be read is like one that has rotted: the other copies decide.
      if (!isFault(error, "ERR_IO")) throw error;
      found.push({ kind: "damaged", major: VERSION_MAJOR });
      continue;
    }
    found.push(decodeSuperblock(bytes, index, checksums));
  }
  return found;
}

/** The superblocks that copies hold, the newest first. */
function candidatesOf(volume: Volume, found: readonly FoundCopy[]): readonly Candidate[] {
  const candidates = new Map<number, Candidate>();
  let volumeId: Uint8Array | undefined;
  for (const [index, copy] of found.entries()) {
    if (copy.kind === "foreign") throw foreign(volume, copy.major);
    if (copy.kind !== "valid" || !pairOf(copy.sequence).includes(index)) continue;
    const { sequence, superblock } = copy;
    volumeId ??= superblock.volumeId;
    if (!equalBytes(volumeId, superblock.volumeId)) throw ofTwoStores(volume);
    const copies = [...(candidates.get(sequence)?.copies ?? []), index];
    candidates.set(sequence, { sequence, superblock, copies });
  }
  return [...candidates.values()].toSorted((a, b) => b.sequence - a.sequence);
}

function ofTwoStores(volume: Volume): Fault {
  return new Fault(
    "ERR_CORRUPT",
    `the copies of the superblock of "${volume.name}" are of two different stores: ` +
      "find out what was copied over it, and restore a backup",
    { volume: volume.name },
  );
}

function noneValid(volume: Volume, found: readonly FoundCopy[]): Fault {
  const damaged = found.filter((copy) => copy.kind === "damaged");
  const valid = found.some(({ kind }) => kind === "valid");
  if (damaged.length === 0 && !valid) {
    return new Fault(
      "ERR_FORMAT",
      `"${volume.name}" holds no store, or nothing is left of what told of it: check the path, ` +
        "or restore a backup",
      {
        volume: volume.name,
      },
    );
  }
  const otherMajor = damaged.find(({ major }) => major !== VERSION_MAJOR)?.major;
  const isForeign = !valid && damaged.every(({ major }) => major === otherMajor);
  if (isForeign && otherMajor !== undefined) return foreign(volume, otherMajor);
  return new Fault(
    "ERR_CORRUPT",
    `no copy of the superblock of "${volume.name}" can be believed: bring this replica up anew ` +
      "from the others of its group, or restore a backup",
    { volume: volume.name },
  );
}

function foreign(volume: Volume, major: number): Fault {
  return new Fault(
    "ERR_FORMAT",
    `"${volume.name}" has format version ${major}, and this program knows version ` +
      `${VERSION_MAJOR}: open it with the program that wrote it, or upgrade this one`,
    { volume: volume.name, major, known: VERSION_MAJOR },
  );
}
