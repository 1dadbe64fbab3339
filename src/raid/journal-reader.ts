/**
 * Finds the batches that are in the journal when an array is assembled.
 *
 * A batch counts if a whole copy of it is on any member. The first that none has is the end, unless
 * a later one of the same incarnation is there: later ones are begun only when the earlier ones
 * were durable, so the journal is damaged then, and nothing is guessed.
 */

import { Fault } from "../base/fault.ts";
import { FORCE_IT } from "./assembly.ts";
import {
  type BatchOutline,
  type BatchRecord,
  decodeRecords,
  isWholeBatch,
  outlineBatch,
} from "./journal-batch.ts";
import { allDone } from "./all-done.ts";
import { batchBytesMaxOf, type JournalRing } from "./journal-ring.ts";
import type { Member } from "./member.ts";
import { computeParity } from "./parity-math.ts";
import type { RaidCore } from "./raid-core.ts";
import { equalHashes } from "./superblock.ts";

/** The ring is searched in steps of about this size. */
const SLICE_BYTES = 1 << 20;

export interface FoundBatch {
  readonly batch: number;
  /** The byte of a member at which it is. */
  readonly at: number;
  readonly bytes: Uint8Array;
  readonly records: readonly BatchRecord[];
  readonly movedStripes: number | undefined;
  /** The members that have a whole copy. */
  readonly holders: Set<Member>;
}

interface Copy {
  readonly outline: BatchOutline;
  readonly bytes: Uint8Array;
}

export class JournalReader {
  readonly #core: RaidCore;
  readonly #ring: JournalRing;

  constructor(core: RaidCore, ring: JournalRing) {
    this.#core = core;
    this.#ring = ring;
  }

  /** All batches from the journal's start, which are appended to the ring. */
  async readAll(): Promise<readonly FoundBatch[]> {
    const found: FoundBatch[] = [];
    for (;;) {
      const next =
        (await this.#readAt(this.#ring.next.position)) ??
        (await this.#readAt(this.#ring.nextRound()));
      if (next === undefined) return found;
      found.push(next);
    }
  }

  /** Throws if the journal goes on behind what should be its end. */
  async refuseGap(): Promise<void> {
    const { batch } = this.#ring.next;
    for (const member of this.#core.members.seated()) {
      const later = await this.#findLater(member, batch);
      if (later === undefined) continue;
      const message =
        `The journal of the array is damaged: batch ${batch} is on none of the members that are ` +
        `here, and "${member.name}" has batch ${later}, which is newer. Find the missing ` +
        `members, or ${FORCE_IT}, which loses what was written last`;
      throw new Fault("ERR_CORRUPT", message, { batch, later, member: member.name });
    }
  }

  async #readAt(position: number): Promise<FoundBatch | undefined> {
    const members = this.#core.members.seated();
    const copies = await allDone(
      members.map(async (member) => await this.#readCopy(member, position)),
    );
    const holders = new Set(members.filter((_, index) => copies[index] !== undefined));
    const copy = copies.find((one) => one !== undefined);
    if (copy === undefined) return undefined;
    const { outline, bytes } = copy;
    this.#ring.append(position, bytes.length, outline.checksum);
    return {
      batch: outline.header.batch,
      at: this.#ring.byteAt(position),
      bytes,
      records: decodeRecords(outline, bytes, this.#core.layout.blockBytes, computeParity),
      movedStripes: outline.header.movedStripes,
      holders,
    };
  }

  /** The copy of the next batch, if a whole one is there. */
  async #readCopy(member: Member, position: number): Promise<Copy | undefined> {
    const { layout, members, world } = this.#core;
    const at = this.#ring.byteAt(position);
    const room = layout.journalAt + layout.journalBytes - at;
    const unit = new Uint8Array(layout.unitBytes);
    if (!(await members.read(member, at, unit))) return undefined;
    const outline = this.#outline(unit, Math.min(room, batchBytesMaxOf(layout)));
    if (outline === undefined || !this.#isNext(outline, position)) return undefined;
    const bytes = new Uint8Array(outline.batchBytes);
    if (!(await members.read(member, at, bytes))) return undefined;
    return isWholeBatch(outline, bytes, world.checksums) ? { outline, bytes } : undefined;
  }

  #outline(unit: Uint8Array, batchBytesMax: number): BatchOutline | undefined {
    const { layout, members } = this.#core;
    const { arrayId, incarnation } = members.record;
    const outline = outlineBatch(unit, arrayId, layout.unitBytes, batchBytesMax);
    if (outline === undefined) return undefined;
    return equalHashes(outline.header.incarnation, incarnation) ? outline : undefined;
  }

  #isNext({ header }: BatchOutline, position: number): boolean {
    const { batch, chain } = this.#ring.next;
    return (
      header.batch === batch && header.position === position && equalHashes(header.previous, chain)
    );
  }

  /** The number of a whole batch in the member's ring that comes after `batch`. */
  async #findLater(member: Member, batch: number): Promise<number | undefined> {
    const { layout, members } = this.#core;
    const slice = Math.ceil(SLICE_BYTES / layout.unitBytes) * layout.unitBytes;
    const bytes = new Uint8Array(Math.min(slice, layout.journalBytes));
    for (let done = 0; done < layout.journalBytes; done += bytes.length) {
      const part = bytes.subarray(0, Math.min(bytes.length, layout.journalBytes - done));
      if (!(await members.read(member, layout.journalAt + done, part))) continue;
      for (let at = 0; at < part.length; at += layout.unitBytes) {
        const unit = part.subarray(at, at + layout.unitBytes);
        const later = await this.#laterAt(member, done + at, unit, batch);
        if (later !== undefined) return later;
      }
    }
    return undefined;
  }

  async #laterAt(
    member: Member,
    offset: number,
    unit: Uint8Array,
    batch: number,
  ): Promise<number | undefined> {
    const { layout, members, world } = this.#core;
    const outline = this.#outline(unit, layout.journalBytes - offset);
    if (outline === undefined || outline.header.batch <= batch) return undefined;
    const bytes = new Uint8Array(outline.batchBytes);
    if (!(await members.read(member, layout.journalAt + offset, bytes))) return undefined;
    return isWholeBatch(outline, bytes, world.checksums) ? outline.header.batch : undefined;
  }
}
