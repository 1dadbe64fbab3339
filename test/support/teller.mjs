/**
 * A program that counts in a database, as a process of its own or as a worker thread: each count is
 * one transaction, with a key that makes it count once however often it is tried, and is told to
 * whoever started it once it is acknowledged.
 */

import { parentPort, workerData } from "node:worker_threads";

const { library, path, name } = workerData ?? JSON.parse(process.argv[2]);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
const tell = (message) => (parentPort ? parentPort.postMessage(message) : process.send(message));

const { open } = await import(library);
const db = await open({ path, cacheBytes: 16 << 20, logBytes: 8 << 20 });
const listener = parentPort ?? process;
listener.once("message", async () => {
  await db.close();
  process.exit(0);
});

let count = (await db.get(["teller", name])) ?? 0;
tell({ name, count });
for (;;) {
  const idempotencyKey = `${name} ${count + 1}`;
  try {
    await db.transact(increment, { idempotencyKey });
  } catch (error) {
    // Nobody has taken over yet, or not said whether it was done: the key makes it safe to ask.
    if (error.code === "ERR_CLOSED") break;
    if (error.code === "ERR_COMMIT_UNKNOWN" || error.code === "ERR_TIMEOUT") continue;
    throw error;
  }
  count++;
  tell({ name, count });
}

async function increment(tx) {
  const own = (await tx.get(["teller", name])) ?? 0;
  const all = (await tx.get("all")) ?? 0;
  tx.set(["teller", name], own + 1);
  tx.set("all", all + 1);
}
