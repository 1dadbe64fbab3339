/**
 * When each transaction began and ended, and in which session, and the orders that follow.
 *
 * Moments are numbered 0, 1, 2 and so on, one event each. There are as many pairs of transactions
 * in real-time order as there are pairs, nearly; so the graph of a whole history gets a node for
 * each moment at which ends turn into begins, through which all of them go (`addWholeOrder`), and
 * only the few transactions of a cycle get edges of their own (`addOrderAmong`).
 */

import type { EdgeList } from "./edge-list.ts";
import { REAL_TIME, SESSION } from "./relation.ts";

export const NEVER = 0x7fffffff;
export const NO_SESSION: number = -1;

export interface Timeline {
  /** -1: before all others, and related to none. */
  readonly began: Int32Array;
  /** `NEVER`: nobody knows that it ended. */
  readonly ended: Int32Array;
  readonly session: Int32Array;
  readonly momentCount: number;
}

/** Adds edges so that whatever ended before another began reaches it. Returns the node count. */
export function addWholeOrder(timeline: Timeline, nodeCount: number, edges: EdgeList): number {
  const { began, ended, session } = timeline;
  const beginner = new Int32Array(timeline.momentCount).fill(-1);
  const ender = new Int32Array(timeline.momentCount).fill(-1);
  for (let node = 0; node < nodeCount; node++) {
    if (0 <= (began[node] as number)) beginner[began[node] as number] = node;
    if ((ended[node] as number) !== NEVER) ender[ended[node] as number] = node;
  }
  const latest = new Map<number, number>();
  let next = nodeCount;
  let hasEnds = false;
  for (let moment = 0; moment < timeline.momentCount; moment++) {
    const end = ender[moment] as number;
    if (0 <= end) {
      edges.add(end, next, REAL_TIME);
      hasEnds = true;
    }
    const begin = beginner[moment] as number;
    if (begin < 0) continue;
    if (hasEnds) {
      edges.add(next, next + 1, REAL_TIME);
      next++;
      hasEnds = false;
    }
    if (nodeCount < next) edges.add(next - 1, begin, REAL_TIME);
    const of = session[begin] as number;
    if (of === NO_SESSION) continue;
    const before = latest.get(of);
    if (before !== undefined) edges.add(before, begin, SESSION);
    if (ended[begin] !== NEVER) latest.set(of, begin);
  }
  return next + 1;
}

/** So few transactions get an edge for every pair, which makes shortest cycles exactly that. */
const EVERY_PAIR_MAX = 300;

/** Adds the orders among `nodes`; the edges name them by their position in that array. */
export function addOrderAmong(timeline: Timeline, nodes: readonly number[], edges: EdgeList): void {
  if (nodes.length <= EVERY_PAIR_MAX) addEveryPair(timeline, nodes, edges);
  else addReduced(timeline, nodes, edges);
}

export function endedBefore(timeline: Timeline, first: number, second: number): boolean {
  return (timeline.ended[first] as number) < (timeline.began[second] as number);
}

/** What nobody knows to have ended may yet happen after what its session did next. */
export function inSessionOrder(timeline: Timeline, first: number, second: number): boolean {
  const session = timeline.session[first] as number;
  return (
    session !== NO_SESSION &&
    session === timeline.session[second] &&
    timeline.ended[first] !== NEVER &&
    (timeline.began[first] as number) < (timeline.began[second] as number)
  );
}

function addEveryPair(timeline: Timeline, nodes: readonly number[], edges: EdgeList): void {
  for (const [from, first] of nodes.entries()) {
    for (const [to, second] of nodes.entries()) {
      if (first === second) continue;
      if (inSessionOrder(timeline, first, second)) edges.add(from, to, SESSION);
      if (endedBefore(timeline, first, second)) edges.add(from, to, REAL_TIME);
    }
  }
}

/**
 * Keeps only the edges that others do not imply: a transaction that begins comes after those that
 * ended before it, but not after those that ended before the begin of one of these.
 */
function addReduced(timeline: Timeline, nodes: readonly number[], edges: EdgeList): void {
  const { began, ended, session } = timeline;
  const byBegin = [...nodes.keys()].toSorted(
    (left, right) =>
      (began[nodes[left] as number] as number) - (began[nodes[right] as number] as number),
  );
  const latest = new Map<number, number>();
  let open: number[] = [];
  let frontier: number[] = [];
  for (const at of byBegin) {
    const node = nodes[at] as number;
    const start = began[node] as number;
    if (start < 0) continue;
    const done = open.filter((other) => (ended[nodes[other] as number] as number) < start);
    if (done.length > 0) {
      open = open.filter((other) => start <= (ended[nodes[other] as number] as number));
      const latestBegin = Math.max(...done.map((other) => began[nodes[other] as number] as number));
      frontier = frontier.filter(
        (other) => latestBegin <= (ended[nodes[other] as number] as number),
      );
      frontier.push(...done);
    }
    for (const before of frontier) edges.add(before, at, REAL_TIME);
    open.push(at);
    const of = session[node] as number;
    if (of === NO_SESSION) continue;
    const before = latest.get(of);
    if (before !== undefined) edges.add(before, at, SESSION);
    if (ended[node] !== NEVER) latest.set(of, at);
  }
}
