/**
 * What all of it comes to. Waits for all that was begun also when some of it fails, so that nothing
 * goes on behind a lock that was given back.
 */
export async function allDone<T>(running: readonly Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(running);
  return outcomes.map((outcome) => {
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value;
  });
}
