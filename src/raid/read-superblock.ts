/** Reads what a volume says of itself as a member. */

import { isFault } from "../base/fault.ts";
import type { Volume } from "../volume/volume.ts";
import type { Checksums } from "../world/world.ts";
import { MemberLayout, SUPERBLOCK_BYTES, tableCopiesOf } from "./member-layout.ts";
import {
  decodeSuperblocks,
  type FoundSuperblock,
  type MemberSuperblock,
  SUPERBLOCK_COPIES,
} from "./superblock.ts";

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

/** What is missing of a member that was cut short, in words. */
export function shortageOf(
  volume: Volume,
  { array, purpose }: MemberSuperblock,
): string | undefined {
  // A spare gets its room when it is needed.
  if (purpose === "spare") return undefined;
  const layout = new MemberLayout({ ...array, tableCopies: tableCopiesOf(array) });
  const needed = layout.bytesFor(array.rows);
  if (needed <= volume.sizeBytes) return undefined;
  return `it was cut short: it has ${volume.sizeBytes} of ${needed} bytes; add it again`;
}
