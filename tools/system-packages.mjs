/**
 * Programs that come with the system and not with npm. Where one is missing and this is root on a
 * Debian, it is installed; where that cannot be, its package is named and life goes on.
 */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** Takes package names by program; returns the packages that are still missing. */
export function installSystemPackages(packagesByProgram) {
  const wanted = missingPackages(packagesByProgram);
  if (wanted.length === 0 || process.getuid?.() !== 0 || !hasProgram("apt-get")) return wanted;

  console.log(`installing ${wanted.join(", ")} ...`);
  // The lists of a new machine may be missing or old, and fetching them takes its time.
  if (!aptGet("install", ...wanted) && aptGet("update")) aptGet("install", ...wanted);
  return missingPackages(packagesByProgram);
}

function missingPackages(packagesByProgram) {
  const missing = Object.entries(packagesByProgram).filter(([program]) => !hasProgram(program));
  return [...new Set(missing.map(([, name]) => name))];
}

function hasProgram(program) {
  const folders = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/sbin"];
  return folders.some((folder) => existsSync(join(folder, program)));
}

function aptGet(command, ...names) {
  const args = ["-qq", command, "--yes", "--no-install-recommends", ...names];
  const { status } = spawnSync("apt-get", command === "update" ? ["-qq", "update"] : args, {
    stdio: ["ignore", "ignore", "inherit"],
    // In this runlevel a package's own service is not started, which would take its port.
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" },
  });
  return status === 0;
}
