/**
 * Tarjan's strongly connected components, without recursion: two nodes are in one component iff
 * each can be reached from the other. Linear in nodes and edges.
 */

import type { Adjacency } from "./adjacency.ts";

export interface Components {
  /** The component of each node. */
  readonly of: Int32Array;
  /** How many nodes each component has. */
  readonly sizes: readonly number[];
}

const UNSEEN = -1;

export function strongComponents(graph: Adjacency): Components {
  const search = new Search(graph);
  for (let node = 0; node < graph.nodeCount; node++) search.visit(node);
  return { of: search.component, sizes: search.sizes };
}

class Search {
  readonly component: Int32Array;
  readonly sizes: number[] = [];
  readonly #offsets: Int32Array;
  readonly #targets: Int32Array;
  /** When each node was entered. */
  readonly #number: Int32Array;
  /** The smallest number of a node on the stack that is known to be reachable. */
  readonly #low: Int32Array;
  /** The next edge to follow, for nodes on the path. */
  readonly #next: Int32Array;
  readonly #path: Int32Array;
  readonly #stack: Int32Array;
  #pathLength = 0;
  #stackLength = 0;
  #numbered = 0;

  constructor(graph: Adjacency) {
    this.#offsets = graph.offsets;
    this.#targets = graph.targets;
    this.component = new Int32Array(graph.nodeCount).fill(UNSEEN);
    this.#number = new Int32Array(graph.nodeCount);
    this.#low = new Int32Array(graph.nodeCount).fill(UNSEEN);
    this.#next = new Int32Array(graph.nodeCount);
    this.#path = new Int32Array(graph.nodeCount);
    this.#stack = new Int32Array(graph.nodeCount);
  }

  visit(start: number): void {
    if (this.#low[start] !== UNSEEN) return;
    this.#enter(start);
    while (this.#pathLength > 0) {
      const node = this.#path[this.#pathLength - 1] as number;
      const edge = this.#next[node] as number;
      if (edge < (this.#offsets[node + 1] as number)) {
        this.#next[node] = edge + 1;
        const target = this.#targets[edge] as number;
        const low = this.#low[target] as number;
        if (low === UNSEEN) this.#enter(target);
        else if (this.component[target] === UNSEEN && low < (this.#low[node] as number)) {
          this.#low[node] = low;
        }
        continue;
      }
      this.#pathLength--;
      const low = this.#low[node] as number;
      if (low === this.#number[node]) this.#close(node);
      else {
        const parent = this.#path[this.#pathLength - 1] as number;
        if (low < (this.#low[parent] as number)) this.#low[parent] = low;
      }
    }
  }

  #enter(node: number): void {
    this.#low[node] = this.#numbered;
    this.#number[node] = this.#numbered++;
    this.#next[node] = this.#offsets[node] as number;
    this.#path[this.#pathLength++] = node;
    this.#stack[this.#stackLength++] = node;
  }

  #close(root: number): void {
    const number = this.sizes.length;
    let size = 0;
    let node: number;
    do {
      node = this.#stack[--this.#stackLength] as number;
      this.component[node] = number;
      size++;
    } while (node !== root);
    this.sizes.push(size);
  }
}
