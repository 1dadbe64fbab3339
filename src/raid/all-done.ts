/** Waits for all that was begun, also when some of it fails, so that nothing goes on behind it. */
export async function allDone(running: readonly Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(running);
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}
