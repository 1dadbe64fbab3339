/** An explicit snapshot of a Level database, which users pass to the operations that read. */

import { AbstractSnapshot } from "abstract-level";
import type { LevelSnapshot } from "./level-store.ts";

/** The published types leave out the constructor, since users never call it. */
const SnapshotBase = AbstractSnapshot as new (options: object) => AbstractSnapshot;

export class HoldfastSnapshot extends SnapshotBase {
  readonly snapshot: LevelSnapshot;

  constructor(snapshot: LevelSnapshot, options: object) {
    super(options);
    this.snapshot = snapshot;
  }

  async _close(): Promise<void> {
    await this.snapshot.release();
  }
}
