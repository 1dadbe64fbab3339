import { expect, test } from "vitest";
import { plainChecksums } from "../base/checksums.ts";
import { SeededRandom } from "../base/random.ts";
import {
  type BatchContent,
  type BatchHeader,
  batchBytesOf,
  decodeRecords,
  encodeBatch,
  isWholeBatch,
  outlineBatch,
} from "./journal-batch.ts";
import { computeParity } from "./parity-math.ts";
import { BLOCK_DATA, BLOCK_TRIMMED, type BlockKind, type PlacedBlock } from "./pending-rows.ts";
import { zeroHash } from "./superblock.ts";

const BLOCK_BYTES = 64;
const UNIT_BYTES = 512;
const checksums = plainChecksums();
const random = new SeededRandom(30);
const header: BatchHeader = {
  arrayId: new Uint8Array(16).fill(7),
  incarnation: { low: 1, high: 2 },
  previous: zeroHash,
  batch: 9,
  position: 40,
  event: 3,
  movedStripes: undefined,
};

test.each([1, 2])("%i parities of whole rows are left out, and computed again", (parityCount) => {
  const data = [0, 1, 2, 3, 4].map(randomBlock);
  const rows = [data.slice(0, 3), data.slice(2, 5)];
  const parities = rows.map((blocks) => {
    const parity = Array.from({ length: parityCount }, () => new Uint8Array(BLOCK_BYTES));
    computeParity(blocks, parity);
    return parity;
  });
  const single = placed(70, 4, BLOCK_DATA, randomBlock());
  const content: BatchContent = {
    placed: [],
    records: [
      ...rows.flatMap((blocks, row) =>
        blocks.map((bytes, index) => placed(row, 4 - index, BLOCK_DATA, bytes)),
      ),
      placed(60, 2, BLOCK_TRIMMED, undefined),
      single,
    ],
    computed: parities.flatMap((parity, row) =>
      parity.map((bytes, index) => placed(row, index, BLOCK_DATA, bytes)),
    ),
  };
  expect(batchBytesOf(content, UNIT_BYTES).dataBytes).toBe(7 * BLOCK_BYTES);
  const found = decoded(encoded(content));
  expect(found).toEqual(
    [...content.records, ...content.computed].map(({ row, slot, block }) => ({
      row,
      slot,
      kind: block.kind,
      crc: block.crc,
      bytes: block.bytes,
    })),
  );
});

test("a batch of the first version is one still, and one of a later version none", () => {
  const content = {
    placed: [],
    records: [placed(3, 1, BLOCK_DATA, randomBlock())],
    computed: [],
  };
  for (const [version, isKnown] of [
    [0, false],
    [1, true],
    [2, true],
    [3, false],
  ] as const) {
    const bytes = encoded(content);
    new DataView(bytes.buffer).setUint32(4, version, true);
    const outline = outlineBatch(bytes, header.arrayId, UNIT_BYTES, 4096);
    expect(outline !== undefined && isWholeBatch(outline, bytes, checksums)).toBe(isKnown);
  }
});

function encoded(content: BatchContent): Uint8Array {
  const room = new Uint8Array(4096).fill(0xee);
  return encodeBatch(header, content, UNIT_BYTES, checksums, room).bytes.slice();
}

function decoded(bytes: Uint8Array): unknown {
  const outline = outlineBatch(bytes, header.arrayId, UNIT_BYTES, 4096);
  if (outline === undefined || !isWholeBatch(outline, bytes, checksums)) return undefined;
  return decodeRecords(outline, bytes, BLOCK_BYTES, computeParity);
}

function placed(
  row: number,
  slot: number,
  kind: BlockKind,
  bytes: Uint8Array | undefined,
): PlacedBlock {
  const crc = bytes === undefined ? 0 : checksums.crc32(bytes, 0);
  const block = { kind, crc, bytes, lease: undefined, batch: 9, older: undefined };
  return { row, slot, block };
}

function randomBlock(): Uint8Array {
  return Uint8Array.from({ length: BLOCK_BYTES }, () => random.below(256));
}
