/**
 * Brings sets of writes to the cells: first makes sure that nothing can fail, then applies, in one
 * turn. The same code serves commits and recovery.
 */

import { hashBytes } from "../base/bytes.ts";
import type { Cells } from "../cells/cells.ts";
import { NO_PAGES, Preparation, type PreparationLimits, READY } from "../cells/prepare.ts";
import { MISS } from "../cells/tree.ts";
import type { Census } from "./census.ts";
import type { Dependencies } from "./dependencies.ts";
import type { RowSpaces } from "../base/row-spaces.ts";
import { RESERVED_PAGES, type Urgency, urgencyOf } from "./urgency.ts";
import { PUT, WriteCursor } from "./write-set.ts";

export class Applier {
  readonly #cells: Cells;
  readonly #census: Census;
  readonly #dependencies: Dependencies;
  readonly #preparation: Preparation;
  readonly #rows: RowSpaces | undefined;
  readonly #writes = new WriteCursor();
  #hasPuts = false;

  /** Recovery must not be refused, and keeps no reserve: it knows of no `rows`. */
  constructor(
    cells: Cells,
    census: Census,
    dependencies: Dependencies,
    limits: PreparationLimits,
    rows: RowSpaces | undefined,
  ) {
    this.#rows = rows;
    this.#cells = cells;
    this.#census = census;
    this.#dependencies = dependencies;
    this.#preparation = new Preparation(cells.tree, limits);
  }

  /**
   * `READY` if `apply` of the writes in `bytes[at, at + length)` cannot fail in this turn, or what
   * stands in the way: `MISS` or a code of `cells/prepare.ts`.
   */
  prepare(bytes: Uint8Array, at: number, length: number): number {
    const writes = this.#writes;
    const preparation = this.#preparation;
    preparation.begin();
    this.#hasPuts = false;
    let misses = false;
    writes.enter(bytes, at, length);
    while (writes.next()) {
      const { keyAt, keyBytes } = writes;
      let added: number;
      if (writes.kind === PUT) {
        this.#hasPuts = true;
        added = preparation.addPut(bytes, keyAt, keyBytes, writes.valueBytes);
      } else added = preparation.addRemove(bytes, keyAt, keyBytes);
      if (added === MISS) misses = true;
      else if (added !== READY) return added;
    }
    if (misses) return MISS;
    if (this.#rows === undefined) return preparation.finish(0);
    const ready = preparation.finish(this.reservedPages("ordinary"));
    if (ready !== NO_PAGES) return ready;
    const urgency = this.urgency(bytes, at, length);
    return urgency === "ordinary" ? ready : preparation.finish(this.reservedPages(urgency));
  }

  /** How many free pages the last `prepare` asked for. */
  get askedPages(): number {
    return this.#preparation.askedPages;
  }

  /** How many writes were prepared last. */
  get writeCount(): number {
    return this.#preparation.writeCount;
  }

  /** How many frames the last `prepare` lacked. */
  get missingFrames(): number {
    return this.#preparation.missingFrames;
  }

  /** Of what was prepared last. */
  urgency(bytes: Uint8Array, at: number, length: number): Urgency {
    if (!this.#hasPuts || this.#rows === undefined) return "makes room";
    return urgencyOf(this.#cells, this.#rows, bytes, at, length);
  }

  /** How many free pages writes of this urgency leave alone. */
  reservedPages(urgency: Urgency): number {
    return RESERVED_PAGES[urgency] + this.#cells.mapPageCount(this.#census.encodedBytesMax);
  }

  apply(bytes: Uint8Array, at: number, length: number, position: number): void {
    const { tree } = this.#cells;
    const writes = this.#writes;
    const preparation = this.#preparation;
    tree.takeExtentRun(preparation.extentPageCount);
    writes.enter(bytes, at, length);
    for (let index = 0; writes.next(); index++) {
      const { keyAt, keyBytes, valueAt, valueBytes } = writes;
      preparation.expect(index);
      this.#dependencies.wrote(hashBytes(bytes, keyAt, keyBytes), position);
      if (writes.kind === PUT) {
        const existed = tree.put(bytes, keyAt, keyBytes, bytes, valueAt, valueBytes, position);
        if (!existed) this.#census.add(bytes, keyAt, keyBytes, 1);
      } else if (tree.remove(bytes, keyAt, keyBytes)) {
        this.#census.add(bytes, keyAt, keyBytes, -1);
      }
    }
  }
}
