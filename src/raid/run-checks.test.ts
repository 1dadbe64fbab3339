import fc from "fast-check";
import { expect, test } from "vitest";
import { plainChecksums } from "../base/checksums.ts";
import { ChecksumTable, EVENT_LOST } from "./checksum-table.ts";
import { MemberLayout } from "./member-layout.ts";
import {
  BLOCK_DATA,
  BLOCK_IN_PLACE,
  BLOCK_LOST,
  BLOCK_TRIMMED,
  PendingRows,
} from "./pending-rows.ts";
import { RunChecks } from "./run-checks.ts";

const BLOCK_BYTES = 64;
const ROWS = 12;
const checksums = plainChecksums();

/** How a block is known, and what a member or a computation has of it. */
const kinds = ["hole", "placed", "wrong", "pending", "in place", "trimmed", "lost"] as const;
type Kind = (typeof kinds)[number];

test("a run holds what is expected of each of its blocks, or is refused", () => {
  const block = fc.record({ kind: fc.constantFrom(...kinds), value: fc.integer({ max: 255 }) });
  fc.assert(
    fc.property(fc.array(block, { minLength: ROWS, maxLength: ROWS }), (blocks) => {
      const { checks, bytes, expected } = prepared(blocks);
      const isRight = checks.settle({ row: 0, slot: 1, count: ROWS }, bytes);
      const isAll = blocks.every(({ kind }) => kind !== "wrong" && kind !== "lost");
      expect(isRight).toBe(isAll);
      if (isRight) expect(bytes).toEqual(expected);
    }),
    { seed: 5, numRuns: 300 },
  );
});

test("a run of blocks that are all in place is refused for any bit that is wrong", () => {
  const blocks = Array.from(
    { length: ROWS },
    (_, row) => ({ kind: "placed", value: row }) as const,
  );
  for (let bit = 0; bit < ROWS * BLOCK_BYTES * 8; bit += 5) {
    const { checks, bytes } = prepared(blocks);
    bytes[bit >>> 3] = (bytes[bit >>> 3] as number) ^ (1 << (bit & 7));
    expect(checks.settle({ row: 0, slot: 1, count: ROWS }, bytes)).toBe(false);
  }
});

test("a run whose blocks are in each other's places is refused", () => {
  const blocks = Array.from(
    { length: ROWS },
    (_, row) => ({ kind: "placed", value: row }) as const,
  );
  const { checks, bytes } = prepared(blocks);
  const first = bytes.slice(0, BLOCK_BYTES);
  bytes.copyWithin(0, BLOCK_BYTES, 2 * BLOCK_BYTES);
  bytes.set(first, BLOCK_BYTES);
  expect(checks.settle({ row: 0, slot: 1, count: ROWS }, bytes)).toBe(false);
});

function prepared(blocks: readonly { readonly kind: Kind; readonly value: number }[]): {
  readonly checks: RunChecks;
  readonly bytes: Uint8Array;
  readonly expected: Uint8Array;
} {
  const options = { journalBytes: 4096, groupTableBlocks: 1, tableCopies: 1 };
  const layout = new MemberLayout({ ...options, blockBytes: BLOCK_BYTES });
  const table = new ChecksumTable(layout, new Uint8Array(16), checksums);
  table.resize(ROWS, 2);
  const pending = new PendingRows(() => 2, 1);
  const bytes = new Uint8Array(ROWS * BLOCK_BYTES);
  const expected = new Uint8Array(ROWS * BLOCK_BYTES);
  for (const [row, { kind, value }] of blocks.entries()) {
    const block = Uint8Array.from({ length: BLOCK_BYTES }, (_, index) => index * 7 + value);
    const crc = checksums.crc32(block, 0);
    const isHole = kind === "hole" || kind === "trimmed";
    if (!isHole) expected.set(block, row * BLOCK_BYTES);
    if (kind === "placed" || kind === "wrong") table.set(row, 1, crc, 3);
    if (kind === "lost") {
      if (value % 2 === 0) table.set(row, 1, 0, EVENT_LOST);
      else pending.stage(row, 1, BLOCK_LOST, 0);
    }
    if (kind === "pending") pending.stage(row, 1, BLOCK_DATA, crc, block);
    if (kind === "in place") pending.stage(row, 1, BLOCK_IN_PLACE, crc);
    if (kind === "trimmed") pending.stage(row, 1, BLOCK_TRIMMED, 0);
    const isRead = kind === "placed" || kind === "in place";
    const found = isRead ? block : block.map((byte) => byte ^ 1);
    bytes.set(found, row * BLOCK_BYTES);
  }
  const checks = new RunChecks({ checksums, table, pending, blockBytes: BLOCK_BYTES });
  return { checks, bytes, expected };
}
