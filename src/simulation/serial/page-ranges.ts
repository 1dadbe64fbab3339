/** Where on its volume a store has its log, and where only pages. */

import { bestChecksums } from "../../base/checksums.ts";
import { decodeSuperblock, SUPERBLOCK_BYTES } from "../../store/superblock-format.ts";
import { SUPERBLOCK_ZONE_BYTES } from "../../store/superblock.ts";
import type { ByteRange } from "../../volume/fault-plan.ts";
import type { PagedImage } from "../../volume/paged-image.ts";

const COPY_BYTES = 16_384;
const COPY_COUNT = 4;
const EVERYTHING_BEHIND = 2 ** 40;

/** Where the log may lie, by all copies of the superblock. */
export function storedLogRanges(image: PagedImage): readonly ByteRange[] {
  const ranges = new Map<number, ByteRange>();
  const bytes = new Uint8Array(SUPERBLOCK_BYTES);
  for (let index = 0; index < COPY_COUNT; index++) {
    image.read(index * COPY_BYTES, bytes);
    const copy = decodeSuperblock(bytes, index, bestChecksums());
    if (copy.kind !== "valid") continue;
    const { places, segmentBytes } = copy.superblock.zone;
    for (const at of places) if (at !== 0) ranges.set(at, { at, length: segmentBytes });
  }
  return [...ranges.values()];
}

/** Everything behind the superblocks that holds no log. */
export function pageRanges(logRanges: readonly ByteRange[]): readonly ByteRange[] {
  const end = { at: EVERYTHING_BEHIND, length: 0 };
  const kept = [...logRanges].toSorted((left, right) => left.at - right.at);
  let from = SUPERBLOCK_ZONE_BYTES;
  const ranges: ByteRange[] = [];
  for (const { at, length } of [...kept, end]) {
    if (from < at) ranges.push({ at: from, length: at - from });
    from = at + length;
  }
  return ranges;
}
