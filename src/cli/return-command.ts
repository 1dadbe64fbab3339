/** What to type so that members that were away come back. */

import type { DiskArrayStatus } from "../arrays/disk-array.ts";
import { IS_BEHIND } from "../raid/assembly.ts";

/** For each file that is merely behind the command that has it catch up, by its path. */
export function returnCommands({
  absent,
  members,
}: Pick<DiskArrayStatus, "absent" | "members">): ReadonlyMap<string, string> {
  const seated = members.find(({ name }) => name !== undefined)?.name;
  if (seated === undefined) return new Map();
  const behind = absent.filter(({ reason }) => reason === IS_BEHIND);
  return new Map(
    behind.map(({ path }) => [path, `holdfast raid add ${typed(path)} --array ${typed(seated)}`]),
  );
}

/** As a shell takes it for one word. */
function typed(path: string): string {
  return /^[\w./:@%+=,-]+$/u.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
