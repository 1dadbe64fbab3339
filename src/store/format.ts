/** Makes a volume an empty store, as a step of its own whose end is the first superblock. */

import { batchNumber, generation, lsn, pageNumber, viewNumber } from "../base/ids.ts";
import { PAGE_BYTES } from "../cells/page.ts";
import { VOLUME_ID_BYTES } from "../log/batch-format.ts";
import type { Volume } from "../volume/volume.ts";
import type { World } from "../world/world.ts";
import type { StoreOptions } from "./options.ts";
import { keptSegments, ringShape } from "./ring-shape.ts";
import type { Superblock } from "./superblock-format.ts";
import { SUPERBLOCK_ZONE_BYTES, SuperblockZone } from "./superblock.ts";

const PAGES_AT = SUPERBLOCK_ZONE_BYTES;
/** Page 0 is never used. */
const FIRST_PLACE: number = PAGES_AT + PAGE_BYTES;

/** How long a volume is that `formatStore` can use with these options. */
export function storeBytes(options: StoreOptions): number {
  const shape = ringShape(options.logBytes);
  const pageCount = Math.ceil(options.pagesBytes / PAGE_BYTES);
  return PAGES_AT + pageCount * PAGE_BYTES + keptSegments(shape) * shape.segmentBytes;
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
  const shape = ringShape(options.logBytes);
  const { ringBytes, segmentBytes } = shape;
  const keptCount = keptSegments(shape);
  const places = Array.from({ length: ringBytes / segmentBytes }, (_, segment) =>
    segment < keptCount ? FIRST_PLACE + segment * segmentBytes : 0,
  );
  const zone = { ...shape, unitBytes: volume.writeUnitBytes, places };
  const pageCount = Math.floor((volume.sizeBytes - PAGES_AT) / PAGE_BYTES);
  const start = { batch: batchNumber(1), position: 0, firstLsn: lsn(1), previousChecksum: 0 };
  const superblock: Superblock = {
    volumeId,
    view: viewNumber(0),
    wallMs: world.clock.wallMs(),
    cleanBatch: batchNumber(0),
    zone,
    pages: { at: PAGES_AT, pageBytes: PAGE_BYTES, pageCount },
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
