/** A view of a shadow store as it was at one position: an old root, which never changes. */

import { assert } from "../base/assert.ts";
import type { Lsn } from "../base/ids.ts";
import type { SnapshotView } from "../transactions/engine.ts";
import type { Step } from "../transactions/step.ts";
import type { RowTree } from "./row-tree.ts";
import type { ShadowStep } from "./shadow-step.ts";

export class ShadowView implements SnapshotView {
  readonly position: Lsn;
  readonly #step: ShadowStep;
  readonly #rows: RowTree;

  constructor(position: Lsn, rows: RowTree, step: ShadowStep) {
    this.position = position;
    this.#rows = rows;
    this.#step = step;
  }

  tryRun<T>(body: (step: Step) => T): T {
    this.#step.begin(this.#rows);
    const result = this.#step.run(body);
    assert(this.#step.changes.length === 0, "a snapshot is only read");
    return result;
  }

  async run<T>(body: (step: Step) => T): Promise<T> {
    return await Promise.resolve(this.tryRun(body));
  }

  release(): void {
    // Whoever holds the root keeps its rows, and nothing else does.
  }
}
