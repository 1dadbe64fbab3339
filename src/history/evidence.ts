/**
 * Remembers for the few edges of the cycles that were found why each is there. Graphs are built
 * twice: once for the edges alone, which are many, and once more for the reasons of these.
 */

import type { Cycle } from "./cycle-search.ts";

/** Takes the edges of a graph, with the key and the versions of it that they are about. */
export interface EdgeSink {
  add(from: number, to: number, relation: number, key: number, before: number, after: number): void;
}

/** Numbers that mean something only to the checker that gave them. */
export interface Evidence {
  readonly key: number;
  readonly before: number;
  readonly after: number;
}

export class EvidenceOf implements EdgeSink {
  readonly #wanted = new Map<string, Evidence | undefined>();

  constructor(cycles: readonly Cycle[]) {
    for (const { nodes, relations } of cycles) {
      for (const [index, from] of nodes.entries()) {
        const to = nodes[(index + 1) % nodes.length] as number;
        this.#wanted.set(nameOf(from, to, relations[index] as number), undefined);
      }
    }
  }

  add(
    from: number,
    to: number,
    relation: number,
    key: number,
    before: number,
    after: number,
  ): void {
    const name = nameOf(from, to, relation);
    if (!this.#wanted.has(name) || this.#wanted.get(name) !== undefined) return;
    this.#wanted.set(name, { key, before, after });
  }

  get(from: number, to: number, relation: number): Evidence | undefined {
    return this.#wanted.get(nameOf(from, to, relation));
  }
}

function nameOf(from: number, to: number, relation: number): string {
  return `${from} ${to} ${relation}`;
}
