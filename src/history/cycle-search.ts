/**
 * Finds the cycles of a dependency graph and names them.
 *
 * Whether there is a cycle is decided exactly and in linear time, by strongly connected components
 * over all relations, real time included. Within each component the search looks, from the plain
 * orders to that of real time, for a shortest cycle of each kind:
 *
 *     G0             overwrites only
 *     G1c            overwrites and reads, at least one read
 *     G-single       exactly one read-write dependency
 *     G-nonadjacent  several of them, no two in a row; it may pass a transaction twice
 *     G2-item, G2    any; G2 if a range is part of it
 *
 * A kind is left out where one that is at least as bad was found in the same component, of items
 * alone if it is. The work in a component is bounded; where the bound cut a search short,
 * `complete` is false, and then only the existence of a cycle is certain, not that there is none
 * of a worse kind.
 */

import { assert } from "../base/assert.ts";
import { adjacencyOf, type Adjacency } from "./adjacency.ts";
import { EdgeList } from "./edge-list.ts";
import { PathSearch } from "./path-search.ts";
import { ANY_RW, REAL_TIME, RW, RW_RANGE, SESSION, WR, WW } from "./relation.ts";
import { strongComponents } from "./strong-components.ts";
import {
  addOrderAmong,
  addWholeOrder,
  endedBefore,
  inSessionOrder,
  type Timeline,
} from "./timeline.ts";
import type { CycleName, CycleOrder } from "./verdict.ts";

/** Node `i` comes before node `i + 1`, and the last before the first, by relation `i`. */
export interface Cycle {
  readonly name: CycleName;
  readonly order: CycleOrder;
  readonly nodes: readonly number[];
  readonly relations: readonly number[];
}

export interface CycleFindings {
  readonly cycles: readonly Cycle[];
  readonly complete: boolean;
}

/** How many edges the searches in one component may follow. */
const WORK_MAX = 20_000_000;

export function findCycles(
  edges: EdgeList,
  nodeCount: number,
  timeline: Timeline,
  workMax: number = WORK_MAX,
): CycleFindings {
  const dependencyCount = edges.count;
  const wholeCount = addWholeOrder(timeline, nodeCount, edges);
  const components = strongComponents(adjacencyOf(edges, wholeCount));
  if (components.sizes.every((size) => size === 1)) return { cycles: [], complete: true };

  const groups = grouped(components.of, components.sizes, edges, dependencyCount, nodeCount);
  const cycles: Cycle[] = [];
  let complete = true;
  for (const group of groups) {
    const found = new ComponentSearch(group, timeline, workMax).run();
    cycles.push(...found.cycles);
    complete &&= found.complete;
  }
  return { cycles, complete };
}

interface Group {
  readonly nodes: number[];
  /** Between positions in `nodes`. */
  readonly edges: EdgeList;
}

/** The transactions of each component with a cycle, and the dependencies among them. */
function grouped(
  componentOf: Int32Array,
  sizes: readonly number[],
  edges: EdgeList,
  dependencyCount: number,
  nodeCount: number,
): readonly Group[] {
  const groups = new Map<number, Group>();
  const position = new Int32Array(nodeCount);
  for (let node = 0; node < nodeCount; node++) {
    const component = componentOf[node] as number;
    if (sizes[component] === 1) continue;
    const group = groups.get(component) ?? { nodes: [], edges: new EdgeList() };
    groups.set(component, group);
    position[node] = group.nodes.length;
    group.nodes.push(node);
  }
  for (let edge = 0; edge < dependencyCount; edge++) {
    const from = edges.from[edge] as number;
    const to = edges.to[edge] as number;
    const component = componentOf[from] as number;
    if (component !== componentOf[to]) continue;
    const group = groups.get(component);
    const relation = edges.relation[edge] as number;
    group?.edges.add(position[from] as number, position[to] as number, relation);
  }
  return [...groups.values()];
}

const ORDERS = [
  { order: "", relations: 0 },
  { order: "-process", relations: SESSION },
  { order: "-realtime", relations: SESSION | REAL_TIME },
] as const;

class ComponentSearch {
  readonly #nodes: readonly number[];
  readonly #edges: EdgeList;
  readonly #timeline: Timeline;
  readonly #graph: Adjacency;
  readonly #paths: PathSearch;
  readonly #found: Cycle[] = [];

  constructor(group: Group, timeline: Timeline, workMax: number) {
    this.#nodes = group.nodes;
    this.#edges = group.edges;
    this.#timeline = timeline;
    addOrderAmong(timeline, group.nodes, group.edges);
    this.#graph = adjacencyOf(group.edges, group.nodes.length);
    this.#paths = new PathSearch(this.#graph, workMax);
  }

  run(): CycleFindings {
    for (const { relations } of ORDERS) {
      const earlier = new Set(this.#found.map(({ name }) => name));
      // What closes without an order closes with one too.
      if (earlier.has("G0")) break;
      this.#look(WW, WW | relations);
      if (earlier.has("G1c")) continue;
      this.#look(WR, WW | WR | relations);
      if (earlier.has("G-single")) continue;
      if (this.#look(RW, WW | WR | relations)) continue;
      const isSingle = this.#look(ANY_RW, WW | WR | relations);
      if (!isSingle && earlier.has("G-nonadjacent")) continue;
      const isWorse = isSingle || this.#lookNonadjacent(WW | WR | relations);
      // Where a range is part of it, a level may allow it that forbids what is of items alone.
      if (isWorse && this.#found.at(-1)?.relations.includes(RW_RANGE) !== true) continue;
      if (earlier.has("G2-item") || earlier.has("G2")) continue;
      if (this.#look(RW, WW | WR | RW | relations) || isWorse) continue;
      this.#look(ANY_RW, WW | WR | ANY_RW | relations);
    }
    const complete = !this.#paths.exhausted;
    if (this.#found.length === 0) this.#lookForAny();
    return { cycles: this.#found, complete };
  }

  /** Where the bound was reached with nothing found: one cycle, since there must be one. */
  #lookForAny(): void {
    const everything = WW | WR | ANY_RW | SESSION | REAL_TIME;
    const paths = new PathSearch(this.#graph, Number.MAX_SAFE_INTEGER);
    const first = this.#edges.relation.findIndex((relation) => (relation & everything) !== 0);
    const from = this.#edges.from[first] as number;
    const lengthMax = this.#nodes.length;
    const closes = paths.find(this.#edges.to[first] as number, from, everything, lengthMax);
    assert(closes, "each edge of a component lies on a cycle");
    const relation = this.#edges.relation[first] as number;
    this.#keep([from, ...paths.nodes.slice(0, -1)], [relation, ...paths.relations]);
  }

  /** Looks for a shortest cycle of one edge in `first` and all others in `rest`. */
  #look(first: number, rest: number): boolean {
    return this.#shortest(first, (from, to, lengthMax) =>
      this.#paths.find(to, from, rest, lengthMax),
    );
  }

  #lookNonadjacent(rest: number): boolean {
    return this.#shortest(ANY_RW, (from, to, lengthMax) =>
      this.#paths.findNonadjacent(to, from, rest, ANY_RW, lengthMax),
    );
  }

  #shortest(
    first: number,
    search: (from: number, to: number, lengthMax: number) => boolean,
  ): boolean {
    let best: { nodes: number[]; relations: number[] } | undefined;
    for (let edge = 0; edge < this.#edges.count; edge++) {
      const relation = this.#edges.relation[edge] as number;
      if ((relation & first) === 0) continue;
      const from = this.#edges.from[edge] as number;
      const lengthMax = best === undefined ? this.#nodes.length * 2 : best.nodes.length - 2;
      if (!search(from, this.#edges.to[edge] as number, lengthMax)) continue;
      best = {
        nodes: [from, ...this.#paths.nodes.slice(0, -1)],
        relations: [relation, ...this.#paths.relations],
      };
      if (best.nodes.length === 2) break;
    }
    if (best === undefined) return false;
    this.#keep(best.nodes, best.relations);
    return true;
  }

  #keep(positions: readonly number[], relations: readonly number[]): void {
    const nodes = positions.map((at) => this.#nodes[at] as number);
    this.#found.push(named(compressed({ nodes, relations }, this.#timeline)));
  }
}

interface Walk {
  readonly nodes: readonly number[];
  readonly relations: readonly number[];
}

/** Joins steps of pure order into one: first before second before third is first before third. */
function compressed(walk: Walk, timeline: Timeline): Walk {
  const nodes: number[] = [];
  const relations: number[] = [];
  for (const [index, node] of walk.nodes.entries()) {
    const relation = walk.relations[index] as number;
    const next = walk.nodes[(index + 1) % walk.nodes.length] as number;
    const origin = nodes.at(-1);
    const joined = origin === undefined ? 0 : joinedOrder(timeline, origin, next);
    const last = relations.at(-1) ?? 0;
    if (last >= SESSION && relation >= SESSION && joined !== 0) {
      // The order of a session says more than that of real time: a weaker level promises it.
      relations[relations.length - 1] = joined;
      continue;
    }
    nodes.push(node);
    relations.push(relation);
  }
  return { nodes, relations };
}

function joinedOrder(timeline: Timeline, first: number, second: number): number {
  if (inSessionOrder(timeline, first, second)) return SESSION;
  return endedBefore(timeline, first, second) ? REAL_TIME : 0;
}

function named({ nodes, relations }: Walk): Cycle {
  return { name: cycleName(relations), order: cycleOrder(relations), nodes, relations };
}

export function cycleName(relations: readonly number[]): CycleName {
  const antiDependencies = relations.filter((relation) => (relation & ANY_RW) !== 0);
  if (antiDependencies.length === 0) return relations.includes(WR) ? "G1c" : "G0";
  if (antiDependencies.length === 1) return "G-single";
  const adjacent = relations.some((relation, index) => {
    const next = relations[(index + 1) % relations.length] as number;
    return (relation & ANY_RW) !== 0 && (next & ANY_RW) !== 0;
  });
  if (!adjacent) return "G-nonadjacent";
  return relations.includes(RW_RANGE) ? "G2" : "G2-item";
}

export function cycleOrder(relations: readonly number[]): CycleOrder {
  if (relations.includes(REAL_TIME)) return "-realtime";
  return relations.includes(SESSION) ? "-process" : "";
}
