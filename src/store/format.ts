/** Makes a volume an empty store, as a step of its own whose end is the first superblock. */

import { batchNumber, generation, lsn, pageNumber, viewNumber } from "../base/ids.ts";
import { PAGE_BYTES } from "../cells/page.ts";
import { VOLUME_ID_BYTES } from "../log/batch-format.ts";
import type { Volume } from "../volume/volume.ts";
import type { World } from "../world/world.ts";
import type { StoreOptions } from "./options.ts";
import type { Superblock } from "./superblock-format.ts";
import { SUPERBLOCK_ZONE_BYTES, SuperblockZone } from "./superblock.ts";

/** As many bytes as a write unit can have. */
const RING_STEP_BYTES = 65536;

/** How long a volume is that `formatStore` can use with these options. */
export function storeBytes(options: StoreOptions): number {
  const pageCount = Math.ceil(options.pagesBytes / PAGE_BYTES);
  return pagesAt(ringBytesOf(options)) + pageCount * PAGE_BYTES;
}

/** Whole write units, of whatever volume. */
function ringBytesOf({ logBytes }: StoreOptions): number {
  return Math.floor(logBytes / RING_STEP_BYTES) * RING_STEP_BYTES;
}

/** The volume is new: all its bytes are zero. */
export async function formatStore(
  world: World,
  volume: Volume,
  options: StoreOptions,
): Promise<void> {
  await SuperblockZone.erase(volume);
  const volumeId = new Uint8Array(VOLUME_ID_BYTES);
  // oxlint-disable-next-line unicorn/no-array-fill-with-reference-type -- a Random, no array
  world.random.fill(volumeId);
  const ringBytes = ringBytesOf(options);
  const zone = {
    at: SUPERBLOCK_ZONE_BYTES,
    ringBytes,
    unitBytes: volume.writeUnitBytes,
  };
  const at = pagesAt(ringBytes);
  const pageCount = Math.floor((volume.sizeBytes - at) / PAGE_BYTES);
  const start = { batch: batchNumber(1), position: 0, firstLsn: lsn(1), previousChecksum: 0 };
  const superblock: Superblock = {
    volumeId,
    view: viewNumber(0),
    wallMs: world.clock.wallMs(),
    cleanBatch: batchNumber(0),
    zone,
    pages: { at, pageBytes: PAGE_BYTES, pageCount },
    anchor: { ...start, replayFrom: lsn(1) },
    root: { page: pageNumber(0), level: 0, generation: 0, checksumLow: 0, checksumHigh: 0 },
    map: {
      firstPage: pageNumber(0),
      pageCount: 0,
      lengthBytes: 0,
      checksumLow: 0,
      checksumHigh: 0,
    },
    generations: [{ generation: generation(1), firstBatch: batchNumber(1) }],
  };
  await SuperblockZone.format(volume, world.checksums, superblock);
}

function pagesAt(ringBytes: number): number {
  return Math.ceil((SUPERBLOCK_ZONE_BYTES + ringBytes) / PAGE_BYTES) * PAGE_BYTES;
}
