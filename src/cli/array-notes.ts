/** What happens to an array that a command has for itself, for the person who typed it. */

import type { ArrayListener } from "../arrays/array-events.ts";
import type { CommandIo } from "./command-io.ts";
import { thousands } from "./progress.ts";

/** More than these are told as a number; a scrub lists them all. */
const LOST_TOLD_MAX = 20;

export class ArrayNotes {
  readonly #io: CommandIo;
  readonly #lostAt = new Set<number>();

  constructor(io: CommandIo) {
    this.#io = io;
  }

  readonly hear: ArrayListener = (name, { role, memberId, at }) => {
    if (name === "raid.member-missing") {
      this.#io.note(
        `role ${String(role)} (member ${String(memberId)}) is missing, and out from now on: ` +
          "once it is there again, add it",
      );
    }
    if (name === "raid.block-lost" && typeof at === "number") this.#lostAt.add(at);
  };

  /** To be called when nothing more is done. */
  sumUp(): void {
    if (this.#lostAt.size === 0) return;
    const ats = [...this.#lostAt].toSorted((left, right) => left - right);
    const told = ats.slice(0, LOST_TOLD_MAX).map(thousands).join("; ");
    const more = ats.length <= LOST_TOLD_MAX ? "" : "; see `holdfast raid scrub` for the others";
    this.#io.note(
      `${thousands(ats.length)} blocks of the array are lost, at byte ${told}${more}: write them ` +
        "anew to heal them",
    );
  }
}
