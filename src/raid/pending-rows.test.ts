import { expect, test } from "vitest";
import { BLOCK_DATA, BLOCK_IN_PLACE, PendingRows } from "./pending-rows.ts";

const SLOTS = 3;
const CHUNK_BLOCKS = 2;

test("a stripe in place of which a row changes is no less first in line than before", () => {
  const pending = new PendingRows(() => SLOTS, CHUNK_BLOCKS);
  pending.stagePlaced(0, Uint32Array.from([1, 2, 3, 4, 5, 6]));
  const first = pending.ticket;
  pending.stage(6, 0, BLOCK_DATA, 7, new Uint8Array(64));
  pending.stage(1, 2, BLOCK_DATA, 8, new Uint8Array(64));

  // Whoever waits for the stripe must not be told that it is durable.
  expect(pending.firstStagedTicket).toBe(first);
  expect([...pending.staged()].map(({ row }) => row)).toEqual([0, 1, 6]);
  expect([...pending.stagedPlaced()]).toEqual([]);
  expect(pending.get(1, 1)).toMatchObject({ kind: BLOCK_IN_PLACE, crc: 4 });
  expect(pending.get(1, 2)).toMatchObject({ kind: BLOCK_DATA, crc: 8 });
});
