import { expect, test } from "vitest";
import { EdgeList } from "./edge-list.ts";
import { REAL_TIME, SESSION } from "./relation.ts";
import { SmallRandom } from "./small-random.ts";
import { addOrderAmong, endedBefore, inSessionOrder, NEVER, type Timeline } from "./timeline.ts";

/** More than get an edge for every pair. */
const MANY = 340;
const SESSION_COUNT = 12;

/** Transactions of sessions side by side, of some of which nobody knows that they ended. */
function madeUp(seed: number): Timeline {
  const random = new SmallRandom(seed);
  const began = new Int32Array(MANY).fill(NEVER);
  const ended = new Int32Array(MANY).fill(NEVER);
  const session = new Int32Array(MANY);
  const open = new Map<number, number>();
  let [next, moment] = [0, 0];
  while (next < MANY || open.size > 0) {
    const of = random.below(SESSION_COUNT);
    const running = open.get(of);
    if (running !== undefined) {
      open.delete(of);
      if (!random.oneIn(12)) ended[running] = moment;
      moment++;
    } else if (next < MANY) {
      session[next] = of;
      began[next] = moment++;
      open.set(of, next++);
    }
  }
  return { began, ended, session, momentCount: moment };
}

/** What can be reached from each node by edges of a relation; no edge leads back in time. */
function reachableBy(edges: EdgeList, relation: number, began: Int32Array): Set<number>[] {
  const reached = Array.from({ length: MANY }, () => new Set<number>());
  const order = [...reached.keys()].toSorted((one, two) => (began[two] ?? 0) - (began[one] ?? 0));
  for (const node of order) {
    for (let edge = 0; edge < edges.count; edge++) {
      if (edges.from[edge] !== node || edges.relation[edge] !== relation) continue;
      const to = edges.to[edge] as number;
      reached[node]?.add(to);
      for (const further of reached[to] ?? []) reached[node]?.add(further);
    }
  }
  return reached;
}

test("the few edges among many transactions imply the order of every two, and no more", () => {
  for (let seed = 1; seed <= 6; seed++) {
    const timeline = madeUp(seed);
    const edges = new EdgeList();
    addOrderAmong(timeline, [...Array.from({ length: MANY }).keys()], edges);
    const inTime = reachableBy(edges, REAL_TIME, timeline.began);
    const inSession = reachableBy(edges, SESSION, timeline.began);
    for (let first = 0; first < MANY; first++) {
      for (let second = 0; second < MANY; second++) {
        const pair = `seed ${seed}: ${first} before ${second}`;
        if (inTime[first]?.has(second) !== endedBefore(timeline, first, second)) {
          expect.fail(`${pair} in time`);
        }
        const isOrdered = inSessionOrder(timeline, first, second);
        if (inSession[first]?.has(second) !== isOrdered) expect.fail(`${pair} in session`);
      }
    }
  }
});
