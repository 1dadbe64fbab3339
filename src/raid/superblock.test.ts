import fc from "fast-check";
import { expect, test } from "vitest";
import { plainChecksums } from "../base/checksums.ts";
import { raidLayouts } from "./geometry.ts";
import {
  type ArrayRecord,
  decodeSuperblocks,
  encodeSuperblock,
  type MemberSuperblock,
  zeroCounters,
  zeroHash,
} from "./superblock.ts";

const checksums = plainChecksums();

test("what is encoded is decoded, whatever the fields hold", () => {
  fc.assert(
    fc.property(arbitrarySuperblock(), (superblock) => {
      const copies = [0, 1].map((copy) => encodeSuperblock(superblock, copy, checksums));
      expect(decodeSuperblocks(copies, checksums)).toEqual({
        kind: "valid",
        superblock,
        isOnBoth: true,
      });
    }),
    { seed: 2, numRuns: 100 },
  );
});

test("the newer copy wins, and the other where it is torn", () => {
  const older = encodeSuperblock(superblockAt(6), 0, checksums);
  const newer = encodeSuperblock(superblockAt(7), 1, checksums);
  expect(sequence([older, newer])).toBe(7);
  expect(sequence([older, torn(newer)])).toBe(6);
  expect(sequence([torn(older), newer])).toBe(7);
  expect(decodeSuperblocks([torn(older), torn(newer)], checksums).kind).toBe("damaged");
});

test("a copy counts only in its own place", () => {
  const first = encodeSuperblock(superblockAt(6), 0, checksums);
  expect(decodeSuperblocks([new Uint8Array(4096), first], checksums).kind).toBe("damaged");
});

test("zeroes are no superblock, and a later version is told", () => {
  const empty = new Uint8Array(4096);
  expect(decodeSuperblocks([empty, empty], checksums).kind).toBe("empty");
  const later = encodeSuperblock(superblockAt(6), 0, checksums);
  const copies = [inVersion(3, later), encodeSuperblock(superblockAt(5), 1, checksums)];
  expect(decodeSuperblocks(copies, checksums)).toEqual({ kind: "foreign", major: 3 });
});

test("what the first version wrote is read", () => {
  const superblock = superblockAt(6);
  const copies = [
    inVersion(1, encodeSuperblock(superblock, 0, checksums)),
    encodeSuperblock(superblockAt(5), 1, checksums),
  ];
  expect(decodeSuperblocks(copies, checksums)).toEqual({
    kind: "valid",
    superblock,
    isOnBoth: false,
  });
});

test("any flipped bit is noticed", () => {
  const whole = encodeSuperblock(superblockAt(6), 0, checksums);
  for (let bit = 0; bit < 8 * 800; bit += 7) {
    const bytes = whole.slice();
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(decodeSuperblocks([bytes, new Uint8Array(4096)], checksums).kind).not.toBe("valid");
  }
});

/** The first copy as a program of that version would write it. */
function inVersion(major: number, bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer);
  view.setUint16(16, major, true);
  checksums.xxh64(bytes.subarray(16), 0, 0);
  view.setUint32(8, checksums.xxh64Low, true);
  view.setUint32(12, checksums.xxh64High, true);
  return bytes;
}

function sequence(copies: readonly Uint8Array[]): number {
  const found = decodeSuperblocks(copies, checksums);
  return found.kind === "valid" ? found.superblock.array.sequence : -1;
}

function torn(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy.fill(0, 512);
  return copy;
}

function superblockAt(number: number): MemberSuperblock {
  const array: ArrayRecord = {
    arrayId: new Uint8Array(16).fill(1),
    sequence: number,
    event: 1,
    clean: false,
    making: false,
    level: 5,
    layout: "left-symmetric",
    memberCount: 3,
    blockBytes: 4096,
    chunkBlocks: 16,
    journalBytes: 1 << 20,
    groupTableBlocks: 4,
    rows: 100,
    sizeBytes: 4096,
    journal: { batch: 1, position: 0, chain: zeroHash },
    incarnation: zeroHash,
    tableSequence: 0,
    tableDigest: zeroHash,
    reshape: undefined,
    scrubRow: undefined,
    counters: zeroCounters,
    roles: [1, 2, 3].map((id) => ({
      memberId: new Uint8Array(16).fill(id),
      state: "active" as const,
      leftEvent: 0,
      leftSequence: 0,
      position: 0,
      replacement: undefined,
    })),
  };
  return { memberId: new Uint8Array(16).fill(2), purpose: "member", array };
}

function arbitrarySuperblock(): fc.Arbitrary<MemberSuperblock> {
  const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).filter((one) => one.some(Boolean));
  const natural = fc.maxSafeNat();
  const hash = fc.record({ low: fc.nat(2 ** 31), high: fc.nat(2 ** 31) });
  const role = fc.record({
    memberId: id,
    state: fc.constantFrom("active" as const, "missing" as const, "rebuilding" as const),
    leftEvent: fc.nat(),
    leftSequence: natural,
    position: natural,
    replacement: fc.option(fc.record({ memberId: id, position: natural }), { nil: undefined }),
  });
  const array = fc.record({
    arrayId: id,
    sequence: natural,
    event: fc.nat(),
    clean: fc.boolean(),
    making: fc.boolean(),
    level: fc.constantFrom(5 as const, 4 as const),
    layout: fc.constantFrom(...raidLayouts),
    memberCount: fc.constant(32),
    blockBytes: fc.constantFrom(64, 512, 4096),
    chunkBlocks: fc.constantFrom(1, 16),
    journalBytes: fc.constantFrom(8192, 1 << 26),
    groupTableBlocks: fc.integer({ min: 1, max: 64 }),
    rows: natural,
    sizeBytes: natural,
    journal: fc.record({ batch: natural, position: natural, chain: hash }),
    incarnation: hash,
    tableSequence: natural,
    tableDigest: hash,
    reshape: fc.option(
      fc.record({ oldMemberCount: fc.integer({ min: 2, max: 31 }), stripes: natural }),
      { nil: undefined },
    ),
    scrubRow: fc.option(fc.nat(), { nil: undefined }),
    counters: fc.record({
      membersFailed: natural,
      blocksRepaired: natural,
      blocksLost: natural,
      repairs: natural,
      repairSeconds: natural,
      scrubs: natural,
      memberSeconds: natural,
      readBytes: natural,
      readErrors: natural,
    }),
    roles: fc.array(role, { minLength: 32, maxLength: 32 }),
  });
  return fc.record({
    memberId: id,
    purpose: fc.constantFrom("member" as const, "spare" as const),
    array,
  });
}
