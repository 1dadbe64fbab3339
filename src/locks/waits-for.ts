/**
 * The waits-for graph: who waits for whom. Wound-wait keeps it without cycles, since every edge
 * leads to an older transaction, or to a prepared one, which waits for nobody; it is kept to be
 * shown, and to be tested for just that.
 */

import { type Locks, visitBlockers } from "./blockers.ts";
import type { LockOwner, Owner } from "./lock-owner.ts";

export interface WaitsForEdge {
  readonly waiter: Owner;
  readonly blocker: Owner;
  /** It holds what the waiter needs; or it waits for it too, and is older. */
  readonly because: "holds" | "is older";
}

/**
 * The edges from each of the owners that waits, in the order given. The wounded have none: they
 * have been told to abort, and wait for nothing any more.
 */
export function waitsForEdges(locks: Locks, owners: Iterable<LockOwner>): readonly WaitsForEdge[] {
  const edges: WaitsForEdge[] = [];
  for (const owner of owners) {
    if (!owner.wounded) edges.push(...edgesFrom(locks, owner));
  }
  return edges;
}

function edgesFrom(locks: Locks, waiter: LockOwner): readonly WaitsForEdge[] {
  if (waiter.wait === undefined) return [];
  const reasons = new Map<LockOwner, WaitsForEdge["because"]>();
  visitBlockers(locks, waiter.wait, (blocker, waits) => {
    if (!waits) reasons.set(blocker, "holds");
    else if (!reasons.has(blocker)) reasons.set(blocker, "is older");
  });
  return [...reasons]
    .toSorted(([left], [right]) => left.age - right.age)
    .map(([blocker, because]) => ({ waiter: waiter.id, blocker: blocker.id, because }));
}

/** The owners of a cycle, each waiting for the next and the last for the first; if there is one. */
export function findCycle(edges: readonly WaitsForEdge[]): readonly Owner[] | undefined {
  const blockers = new Map<Owner, WaitsForEdge[]>();
  for (const edge of edges) {
    const siblings = blockers.get(edge.waiter);
    if (siblings === undefined) blockers.set(edge.waiter, [edge]);
    else siblings.push(edge);
  }
  const finished = new Set<Owner>();
  for (const start of blockers.keys()) {
    const cycle = cycleFrom(start, blockers, finished);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** Goes depth first without recursion: a queue of thousands is a path of thousands. */
function cycleFrom(
  start: Owner,
  blockers: ReadonlyMap<Owner, readonly WaitsForEdge[]>,
  finished: Set<Owner>,
): readonly Owner[] | undefined {
  const path: { readonly owner: Owner; next: number }[] = [{ owner: start, next: 0 }];
  const onPath = new Set<Owner>([start]);
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const blocker = blockers.get(top.owner)?.[top.next++]?.blocker;
    if (blocker === undefined) {
      finished.add(top.owner);
      onPath.delete(top.owner);
      path.pop();
    } else if (onPath.has(blocker)) {
      const owners = path.map((step) => step.owner);
      return owners.slice(owners.indexOf(blocker));
    } else if (!finished.has(blocker)) {
      path.push({ owner: blocker, next: 0 });
      onPath.add(blocker);
    }
  }
  return undefined;
}
