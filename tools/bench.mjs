/**
 * `npm run bench`: sets up the stores that Holdfast is measured beside, which are native code and
 * so no part of its own packages, and runs the comparison. `npm run bench -- --help` says more.
 */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ensureBuild, ensurePackages, requireNode, root } from "./set-up.mjs";
import { installSystemPackages } from "./system-packages.mjs";

const folder = join(root, "bench");

requireNode();
ensurePackages();
ensureBuild();
installSystemPackages({ "redis-server": "redis-server", "redis-benchmark": "redis-tools" });
installPeers();

const main = join(folder, "main.ts");
const { status } = spawnSync(
  process.execPath,
  ["--import", "tsx", main, ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
process.exitCode = status ?? 1;

/** With their install scripts, unlike our own packages: that is what a user of theirs runs. */
function installPeers() {
  const binary = join("node_modules", "better-sqlite3", "build", "Release", "better_sqlite3.node");
  if (existsSync(join(folder, binary))) return;

  process.stderr.write("building the stores to compare with, which takes a minute or two ...\n");
  const { status: installStatus } = spawnSync(
    "npm",
    ["install", "--no-save", "--no-audit", "--no-fund"],
    {
      cwd: folder,
      stdio: ["ignore", 2, 2],
    },
  );
  if (installStatus !== 0) throw new Error("npm install failed in bench/: see above");
}
