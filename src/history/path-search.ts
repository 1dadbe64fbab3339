/**
 * Shortest paths by breadth-first search over the edges of some relations, with arrays that are
 * kept from one search to the next and a bound on the edges followed in all of them.
 */

import type { Adjacency } from "./adjacency.ts";

export class PathSearch {
  /** The nodes of the path found last, both ends included. */
  nodes: number[] = [];
  /** Its edges: one fewer than nodes. */
  relations: number[] = [];

  readonly #graph: Adjacency;
  /** States are `node * 2 + 1` where the last edge may not be followed by one of its kind. */
  readonly #seenIn: Int32Array;
  readonly #cameFrom: Int32Array;
  readonly #cameBy: Uint8Array;
  readonly #queue: Int32Array;
  #search = 0;
  #workLeft: number;

  constructor(graph: Adjacency, workMax: number) {
    this.#graph = graph;
    this.#workLeft = workMax;
    this.#seenIn = new Int32Array(graph.nodeCount * 2);
    this.#cameFrom = new Int32Array(graph.nodeCount * 2);
    this.#cameBy = new Uint8Array(graph.nodeCount * 2);
    this.#queue = new Int32Array(graph.nodeCount * 2);
  }

  /** Whether a search was cut short. */
  get exhausted(): boolean {
    return this.#workLeft <= 0;
  }

  /** Whether a path of at most `lengthMax` edges, all in `allowed`, leads to `target`. */
  find(source: number, target: number, allowed: number, lengthMax: number): boolean {
    return this.#run(source * 2, target * 2, allowed, 0, lengthMax);
  }

  /**
   * The same with edges in `alternating` too, but no two of them in a row, and none at either end
   * of the path: the caller's own edge, which closes the cycle, is one of them.
   */
  findNonadjacent(
    source: number,
    target: number,
    allowed: number,
    alternating: number,
    lengthMax: number,
  ): boolean {
    return this.#run(source * 2 + 1, target * 2, allowed, alternating, lengthMax);
  }

  #run(
    source: number,
    target: number,
    allowed: number,
    alternating: number,
    lengthMax: number,
  ): boolean {
    if (this.exhausted || lengthMax < 1) return false;
    const { offsets, targets, relations } = this.#graph;
    const search = ++this.#search;
    this.#seenIn[source] = search;
    this.#queue[0] = source;
    let count = 1;
    let levelEnd = 1;
    let length = 1;
    for (let at = 0; at < count; at++) {
      if (at === levelEnd) {
        if (++length > lengthMax) return false;
        levelEnd = count;
      }
      const state = this.#queue[at] as number;
      const usable = (state & 1) === 1 ? allowed : allowed | alternating;
      const end = offsets[(state >> 1) + 1] as number;
      for (let edge = offsets[state >> 1] as number; edge < end; edge++) {
        this.#workLeft--;
        const relation = relations[edge] as number;
        if ((relation & usable) === 0) continue;
        const reached = (targets[edge] as number) * 2 + ((relation & alternating) === 0 ? 0 : 1);
        if (this.#seenIn[reached] === search) continue;
        this.#seenIn[reached] = search;
        this.#cameFrom[reached] = state;
        this.#cameBy[reached] = relation;
        if (reached === target) {
          this.#trace(source, target);
          return true;
        }
        this.#queue[count++] = reached;
      }
    }
    return false;
  }

  #trace(source: number, target: number): void {
    const nodes = [target >> 1];
    const relations: number[] = [];
    for (let state = target; state !== source;) {
      relations.push(this.#cameBy[state] as number);
      state = this.#cameFrom[state] as number;
      nodes.push(state >> 1);
    }
    this.nodes = nodes.toReversed();
    this.relations = relations.toReversed();
  }
}
