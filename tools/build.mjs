/** Builds `dist/`, the program as it is published, unless it is up to date. */

import { ensureBuild, ensurePackages, requireNode } from "./set-up.mjs";

requireNode();
ensurePackages();
ensureBuild();
