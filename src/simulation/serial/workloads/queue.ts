/**
 * A queue of jobs: each that was put in is claimed by one client, or still there; none vanishes.
 */

import type { Step } from "../../../transactions/step.ts";
import { read, remove, rows, write } from "../rows.ts";
import { type ClientTransaction, RolledBack, type SerialClient } from "../workload.ts";
import type { Workload } from "../workload.ts";

const THINK_MS = 3;
const WAITING = "queue/waiting/";
const DONE = "queue/done/";

export function queue(): Workload {
  const put = new Set<string>();
  const claimed = new Map<string, string>();

  const noteClaimed = (client: SerialClient, job: string | undefined): void => {
    if (job === undefined) return;
    const other = claimed.get(job);
    if (other !== undefined) client.violated(`${job} was claimed before, by ${other}`);
    claimed.set(job, client.name);
  };

  const slowClaim = async (client: SerialClient): Promise<void> => {
    const job = await client.transact(async (transaction: ClientTransaction) => {
      const found = await transaction.run((step) => claim(step, client, client.random.chance(30)));
      await client.think(THINK_MS);
      // Some work fails, and the job must be there again.
      if (client.random.chance(20)) throw new RolledBack("the work failed");
      return found;
    });
    noteClaimed(client, job);
  };

  return {
    name: "queue",
    setup: async () => undefined,
    act: async (client) => {
      const choice = client.random.below(10);
      if (choice < 5) {
        const job = client.unique();
        await client.run((step) => write(step, `${WAITING}${job}`, job));
        put.add(job);
      } else if (choice < 8) {
        noteClaimed(client, await client.run((step) => claim(step, client, false)));
      } else await slowClaim(client);
    },
    check: async (client) => {
      const [waiting, done] = await client.run((step) => [
        new Set(rows(step, { prefix: WAITING }).map(({ key }) => key.slice(WAITING.length))),
        new Set(rows(step, { prefix: DONE }).map(({ key }) => key.slice(DONE.length))),
      ]);
      for (const job of put) {
        if (waiting.has(job) === done.has(job)) {
          client.violated(`${job} is ${waiting.has(job) ? "waiting and done" : "gone"}`);
        }
      }
      for (const job of claimed.keys()) {
        if (!done.has(job)) client.violated(`${job} was claimed and is not done`);
      }
    },
  };
}

function claim(step: Step, client: SerialClient, reverse: boolean): string | undefined {
  const [first] = rows(step, { prefix: WAITING, reverse, limit: 1 });
  if (first === undefined) return undefined;
  const job = first.key.slice(WAITING.length);
  remove(step, first.key);
  const before = read(step, `${DONE}${job}`);
  if (before !== undefined) client.violated(`${job} was done already, by ${before}`);
  write(step, `${DONE}${job}`, client.unique());
  return job;
}
