/** One member of an array, as long as the array has it open. */

import type { Volume } from "../volume/volume.ts";
import { ReadErrors } from "./read-errors.ts";

export class Member {
  readonly id: Uint8Array;
  readonly volume: Volume;
  /** It failed, or was taken out: nothing is written to it or read from it any more. */
  isOut = false;
  /** It isn't whole yet, and is about to be: it gets every batch of the journal. */
  takesJournal = false;
  /** Whether a write of it ended since its last sync began. */
  isDirty = false;
  /** How much was written to it since then. */
  unsyncedBytes = 0;
  /** The sync under way; what it covers counts as clean already. */
  syncing: Promise<boolean> | undefined;
  readonly readErrors: ReadErrors = new ReadErrors();

  constructor(id: Uint8Array, volume: Volume) {
    this.id = id;
    this.volume = volume;
  }

  get name(): string {
    return this.volume.name;
  }
}

/** Who sits in a role now. */
export interface RoleSeat {
  member: Member | undefined;
  /** The one that is to take over; it is written like the member, and not read. */
  replacement: Member | undefined;
}
