/** Reads what a volume says of itself as a member. */

import { isFault } from "../base/fault.ts";
import type { Volume } from "../volume/volume.ts";
import type { Checksums } from "../world/world.ts";
import { SUPERBLOCK_BYTES } from "./member-layout.ts";
import { decodeSuperblocks, type FoundSuperblock, SUPERBLOCK_COPIES } from "./superblock.ts";

export async function readSuperblock(
  volume: Volume,
  checksums: Checksums,
): Promise<FoundSuperblock> {
  if (volume.sizeBytes < SUPERBLOCK_COPIES * SUPERBLOCK_BYTES) return { kind: "empty" };
  const copies = Array.from({ length: SUPERBLOCK_COPIES }, () => new Uint8Array(SUPERBLOCK_BYTES));
  let isDamaged = false;
  for (const [copy, bytes] of copies.entries()) {
    try {
      await volume.read(copy * SUPERBLOCK_BYTES, bytes);
    } catch (error) {
      if (!isFault(error, "ERR_IO")) throw error;
      bytes.fill(0);
      isDamaged = true;
    }
  }
  const found = decodeSuperblocks(copies, checksums);
  return found.kind === "empty" && isDamaged ? { kind: "damaged" } : found;
}
