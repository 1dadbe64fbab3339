/**
 * Tells the rows of which a batch of the journal has all data. Their parity need not lie in it: it
 * is computed of the data when the batch is read, and so is on no fewer members than that.
 */

import type { Geometry } from "./geometry.ts";
import { BLOCK_DATA, type PendingBlock, type PlacedBlock } from "./pending-rows.ts";

/** Whether these blocks, all different ones of a row, are all that it has, and all of them data. */
export function isWholeRow(
  blocks: readonly PendingBlock[],
  geometry: Geometry | undefined,
): geometry is Geometry {
  if (geometry === undefined || geometry.parityCount === 0) return false;
  return blocks.length === geometry.slotCount && blocks.every(({ kind }) => kind === BLOCK_DATA);
}

/** The blocks of a whole row in the order of their indexes: the data first, then P, then Q. */
export function inIndexOrder(
  blocks: readonly PlacedBlock[],
  geometry: Geometry,
): readonly PlacedBlock[] {
  const ordered: PlacedBlock[] = [];
  for (const one of blocks) {
    ordered[geometry.indexOfSlot(geometry.stripeOfRow(one.row), one.slot)] = one;
  }
  return ordered;
}
