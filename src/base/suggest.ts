/** Finds what was probably meant by a name that does not exist. */

/** ` (did you mean "x"?)`, or nothing where no candidate is close. */
export function didYouMean(typed: string, candidates: readonly string[]): string {
  const meant = closestTo(typed, candidates);
  return meant === undefined ? "" : ` (did you mean "${meant}"?)`;
}

/** The candidate that is closest, if any is close. */
export function closestTo(typed: string, candidates: readonly string[]): string | undefined {
  const distanceMax = typed.length < 4 ? 1 : Math.ceil(typed.length / 3);
  let best: string | undefined;
  let bestDistance = distanceMax + 1;
  for (const candidate of candidates) {
    const distance = editDistance(typed, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** How many characters must be added, removed, changed or swapped with their neighbour. */
export function editDistance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      current.push(cellDistance(left, right, row, column, { beforeLast, last, current }));
    }
    beforeLast = last;
    last = current;
  }
  return last[right.length] ?? 0;
}

interface Rows {
  readonly beforeLast: readonly number[];
  readonly last: readonly number[];
  readonly current: readonly number[];
}

function cellDistance(
  left: string,
  right: string,
  row: number,
  column: number,
  { beforeLast, last, current }: Rows,
): number {
  const isSame = left[row - 1] === right[column - 1];
  const changed = (last[column - 1] ?? 0) + (isSame ? 0 : 1);
  const removed = (last[column] ?? 0) + 1;
  const added = (current[column - 1] ?? 0) + 1;
  const isSwapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
  const swapped = isSwapped ? (beforeLast[column - 2] ?? 0) + 1 : Infinity;
  return Math.min(changed, removed, added, swapped);
}
