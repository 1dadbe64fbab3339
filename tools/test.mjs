/**
 * `npm test`: does the set-up that is missing, runs every check and every test, and says how it
 * went in a last line of its own: `N passed, N failed`, with `, N skipped` where a test could not
 * run here. Each skipped test is named, and so is each system package that could not be had.
 *
 * Arguments go to the test runner: `npm test -- src/log` runs the checks and the log's tests.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { ensureBuild, ensurePackages, requireNode, root } from "./set-up.mjs";
import { installSystemPackages } from "./system-packages.mjs";

const TIME_LIMIT_MS = 30 * 60_000;
const SLOW_FILES_SHOWN = 10;

/** The programs that tests with real processes run, and where Debian has them. */
const SYSTEM_PROGRAMS = {
  "redis-cli": "redis-tools",
  "redis-benchmark": "redis-tools",
  "redis-server": "redis-server",
  strace: "strace",
  "mkfs.ext4": "e2fsprogs",
  mount: "mount",
  nbdinfo: "libnbd-bin",
  nbdcopy: "libnbd-bin",
  "qemu-io": "qemu-utils",
  "qemu-img": "qemu-utils",
  fio: "fio",
  e2fsck: "e2fsprogs",
  openssl: "openssl",
};

const CHECKS = {
  types: ["tsc", "-p", "tsconfig.json", "--noEmit"],
  "types without a platform": ["tsc", "-p", "tsconfig.core.json", "--noEmit"],
  lint: ["oxlint", "--type-aware"],
  format: ["oxfmt", "--check"],
  "no dead code": ["knip", "--no-progress"],
};

const passed = [];
const failed = [];
const skipped = [];

requireNode();
ensurePackages();
const missing = installSystemPackages(SYSTEM_PROGRAMS);
check("build", ensureBuild);
for (const [name, command] of Object.entries(CHECKS)) check(name, () => runTool(command));
runTests();

for (const name of missing) console.log(`not installed, so its tests were skipped: ${name}`);
for (const name of skipped) console.log(`skipped: ${name}`);
for (const name of failed) console.log(`failed: ${name}`);
const skippedPart = skipped.length === 0 ? "" : `, ${skipped.length} skipped`;
console.log(`${passed.length} passed, ${failed.length} failed${skippedPart}`);
process.exitCode = failed.length === 0 && passed.length > 0 ? 0 : 1;

function check(name, run) {
  const startedMs = performance.now();
  try {
    run();
    passed.push(`check: ${name}`);
    console.log(`ok      ${name} (${seconds(performance.now() - startedMs)})`);
  } catch (error) {
    failed.push(`check: ${name}`);
    console.log(`FAILED  ${name}\n${error.message}`);
  }
}

function runTool([tool, ...args]) {
  const { status, stdout, stderr, error } = spawnSync(
    process.execPath,
    [join(root, "node_modules", ".bin", tool), ...args],
    { cwd: root, encoding: "utf8" },
  );
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${stdout}${stderr}`);
}

/** Runs vitest and adds what it reports to the lists. */
function runTests() {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-tests-"));
  const report = join(folder, "report.json");
  const runner = join(root, "node_modules", "vitest", "vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  try {
    const { status, signal } = spawnSync(
      process.execPath,
      [runner, "run", ...reporters, ...process.argv.slice(2)],
      { cwd: root, stdio: ["ignore", "inherit", "inherit"], timeout: TIME_LIMIT_MS },
    );
    if (signal !== null) failed.push(`the tests did not end within ${seconds(TIME_LIMIT_MS)}`);
    readReport(report, status);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readReport(path, status) {
  let report;
  try {
    report = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    failed.push("the test runner left no report");
    return;
  }
  const failedBefore = failed.length;
  for (const file of report.testResults) readFile(file);
  // An error outside of any test makes the run fail, though every test may have passed.
  if (status !== 0 && failed.length === failedBefore) failed.push("an error outside of any test");
  printSlowest(report.testResults);
}

function readFile(file) {
  const path = relative(root, file.name);
  if (file.status === "failed" && file.assertionResults.length === 0) {
    failed.push(`${path}: could not be run`);
  }
  for (const test of file.assertionResults) {
    const name = `${path}: ${test.fullName}`;
    if (test.status === "passed") passed.push(name);
    else if (test.status === "failed") failed.push(name);
    else skipped.push(name);
  }
}

function printSlowest(files) {
  const timed = files
    .map(({ name, startTime, endTime }) => ({ name, elapsedMs: endTime - startTime }))
    .toSorted((left, right) => right.elapsedMs - left.elapsedMs);
  console.log("slowest test files:");
  for (const { name, elapsedMs } of timed.slice(0, SLOW_FILES_SHOWN)) {
    console.log(`  ${seconds(elapsedMs).padStart(9)}  ${relative(root, name)}`);
  }
}

function seconds(elapsedMs) {
  return `${(elapsedMs / 1_000).toFixed(1)} s`;
}
