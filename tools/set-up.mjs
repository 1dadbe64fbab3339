/**
 * Does what a clone is missing before the program, the tests or the benchmark can run: the
 * packages of the lock file and the built program. What is there already is left alone, so that
 * a second start needs no network and costs milliseconds. Plain JavaScript, since it runs first.
 */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { alone } from "./alone.mjs";

export const root = fileURLToPath(new URL("..", import.meta.url));

const NODE_MIN = [20, 19];
const STAMP = ".built-from";
const LOCK = ".set-up";

/** Something the user has to mend; the message says what. */
export class SetUpError extends Error {}

export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [majorMin = 0, minorMin = 0] = NODE_MIN;
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return;
  throw new SetUpError(
    `Holdfast needs Node ${NODE_MIN.join(".")} or newer, and this is ${process.versions.node}`,
  );
}

/** Installs the packages of the lock file in `folder` unless they are all there. */
export function ensurePackages(folder = root) {
  if (!packagesMatch(folder)) setUpAlone(() => installPackages(folder));
}

/** Builds `dist/` unless it was built from exactly these sources. */
export function ensureBuild() {
  if (!isBuiltFrom(fingerprint())) setUpAlone(build);
}

/** What is missing may be there once another process is done with it. */
function setUpAlone(work) {
  const waits = `another process sets this clone up (see ${LOCK}): waiting for it`;
  alone(join(root, LOCK), work, () => say(waits));
}

function installPackages(folder) {
  if (packagesMatch(folder)) return;
  say("installing the packages of package-lock.json");
  // Not `npm ci`, which throws away what is there already and asks for all of it again. What is
  // installed is what the lock file says.
  run("npm", ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"], folder);
}

function isBuiltFrom(sources) {
  const stamp = join(root, "dist", STAMP);
  return existsSync(stamp) && readFileSync(stamp, "utf8") === sources;
}

function build() {
  const wanted = fingerprint();
  if (isBuiltFrom(wanted)) return;

  // Built beside and put in place at once: who runs meanwhile finds all or nothing.
  const fresh = join(root, `dist-${process.pid}`);
  const stale = join(root, `dist-${process.pid}-old`);
  try {
    say("building");
    const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
    run(process.execPath, [compiler, "-p", "tsconfig.build.json", "--outDir", fresh], root);
    mkdirSync(fresh, { recursive: true });
    writeFileSync(join(fresh, STAMP), wanted);
    if (existsSync(join(root, "dist"))) renameSync(join(root, "dist"), stale);
    renameSync(fresh, join(root, "dist"));
  } finally {
    rmSync(fresh, { recursive: true, force: true });
    rmSync(stale, { recursive: true, force: true });
  }
}

/** Runs a tool of the packages with what it prints going where ours goes. */
function run(command, args, cwd) {
  // Standard output belongs to the program that is being set up: `holdfast status --json | ...`.
  const { status, error } = spawnSync(command, args, { cwd, stdio: ["ignore", 2, 2] });
  if (error !== undefined) throw new SetUpError(`${command} cannot be run: ${error.message}`);
  if (status !== 0) throw new SetUpError(`"${command} ${args.join(" ")}" failed in ${cwd}`);
}

function say(what) {
  process.stderr.write(`holdfast: ${what} ...\n`);
}

function packagesMatch(folder) {
  const installed = packagesOf(join(folder, "node_modules", ".package-lock.json"));
  const wanted = packagesOf(join(folder, "package-lock.json"));
  if (installed === undefined || wanted === undefined) return false;

  return Object.entries(wanted).every(([path, { version, optional }]) => {
    // The root, and what is for other platforms only, are not in the list of what is installed.
    if (path === "" || optional === true) return true;
    return installed[path]?.version === version && existsSync(join(folder, path));
  });
}

function packagesOf(lockFile) {
  if (!existsSync(lockFile)) return undefined;
  return JSON.parse(readFileSync(lockFile, "utf8")).packages;
}

/** Changes when a source is added, removed or written. */
function fingerprint() {
  const hash = createHash("sha256");
  for (const path of ["package-lock.json", "tsconfig.json", "tsconfig.build.json"]) {
    hash.update(`${path} ${marks(join(root, path))}\n`);
  }
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
  for (const path of sources.filter((name) => isBuilt(name)).toSorted()) {
    hash.update(`${path} ${marks(join(root, "src", path))}\n`);
  }
  return hash.digest("hex");
}

function isBuilt(path) {
  return path.endsWith(".ts") && !/\.(test|suite|bench)\.ts$/u.test(path);
}

function marks(path) {
  const { size, mtimeMs } = statSync(path);
  return `${size} ${mtimeMs}`;
}
