/**
 * Tells the rows of which a batch of the journal has all data. Their parity need not lie in it: it
 * is computed of the data when the batch is read, and so is on no fewer members than that.
 */

import type { Geometry } from "./geometry.ts";
import { BLOCK_DATA, type PendingRow, type PlacedBlock } from "./pending-rows.ts";

/** Whether all blocks of the row, parity too, are data that goes into the next batch. */
export function isWholeRow(
  { blocks }: PendingRow,
  geometry: Geometry | undefined,
): geometry is Geometry {
  if (geometry === undefined || geometry.parityCount === 0) return false;
  for (let slot = 0; slot < geometry.slotCount; slot++) {
    const block = blocks[slot];
    if (block?.kind !== BLOCK_DATA || block.batch !== Number.POSITIVE_INFINITY) return false;
  }
  return true;
}

/** The blocks of a whole row in the order of their indexes: the data first, then P, then Q. */
export function inIndexOrder(
  taken: readonly PlacedBlock[],
  geometry: Geometry,
): readonly PlacedBlock[] {
  const ordered: PlacedBlock[] = [];
  for (const one of taken) {
    ordered[geometry.indexOfSlot(geometry.stripeOfRow(one.row), one.slot)] = one;
  }
  return ordered;
}
