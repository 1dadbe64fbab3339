/**
 * `holdfast` in a clone: does the set-up that is missing, then becomes the program, in this same
 * process, so that signals and the exit code are the program's own.
 */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensureBuild, ensurePackages, requireNode, root, SetUpError } from "./set-up.mjs";

const main = join(root, "dist", "cli", "main.js");

try {
  requireNode();
  ensurePackages();
  ensureBuild();
} catch (error) {
  if (!(error instanceof SetUpError)) throw error;
  process.stderr.write(`holdfast: ${error.message}\n`);
  process.exit(1);
}

await import(pathToFileURL(main).href);
