/**
 * The modes of a lock, and which of them two transactions may have on the same thing at once:
 *
 * | held \ wanted | shared | exclusive |
 * | ------------- | ------ | --------- |
 * | shared        | yes    | no        |
 * | exclusive     | no     | no        |
 */

export type LockMode = "shared" | "exclusive";

/** Whether two transactions may have these modes at once. The order does not matter. */
export function compatible(held: LockMode, wanted: LockMode): boolean {
  return held === "shared" && wanted === "shared";
}

/** Whether who has `held` needs nothing more to do what `wanted` allows. */
export function includes(held: LockMode, wanted: LockMode): boolean {
  return held === "exclusive" || wanted === "shared";
}
