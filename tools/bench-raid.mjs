/** `npm run bench:raid`: builds Holdfast and measures its arrays. `-- --help` says more. */

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ensureBuild, ensurePackages, requireNode, root } from "./set-up.mjs";

requireNode();
ensurePackages();
ensureBuild();

const main = join(root, "bench", "raid.ts");
const { status } = spawnSync(
  process.execPath,
  ["--import", "tsx", main, ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
process.exitCode = status ?? 1;
