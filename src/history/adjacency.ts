/**
 * A graph as two arrays: the edges that leave node `n` are those from `offsets[n]` up to, not
 * including, `offsets[n + 1]`.
 */

import type { EdgeList } from "./edge-list.ts";

export interface Adjacency {
  readonly nodeCount: number;
  readonly offsets: Int32Array;
  readonly targets: Int32Array;
  readonly relations: Uint8Array;
}

export function adjacencyOf(edges: EdgeList, nodeCount: number): Adjacency {
  const { count, from, to, relation } = edges;
  const offsets = new Int32Array(nodeCount + 1);
  for (let edge = 0; edge < count; edge++) {
    const next = (from[edge] as number) + 1;
    offsets[next] = (offsets[next] as number) + 1;
  }
  for (let node = 0; node < nodeCount; node++) {
    offsets[node + 1] = (offsets[node + 1] as number) + (offsets[node] as number);
  }
  const place = offsets.slice(0, nodeCount);
  const targets = new Int32Array(count);
  const relations = new Uint8Array(count);
  for (let edge = 0; edge < count; edge++) {
    const source = from[edge] as number;
    const at = place[source] as number;
    place[source] = at + 1;
    targets[at] = to[edge] as number;
    relations[at] = relation[edge] as number;
  }
  return { nodeCount, offsets, targets, relations };
}
