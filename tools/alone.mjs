/**
 * Lets one process at a time do a piece of the set-up: two that install packages into one folder
 * at once break both. Who died at it keeps nobody out.
 */

import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";

const LOOK_MS = 100;
/** To name oneself takes a moment, as to put a dead process's file away; who takes longer died. */
const MOMENT_MS = 10_000;

/** Runs `work` while no other process runs any with the same file. Tells of a wait by `onWait`. */
export function alone(file, work, onWait = () => {}) {
  for (let looks = 0; !take(file); looks++) {
    if (looks === 0) onWait();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_MS);
  }
  try {
    return work();
  } finally {
    rmSync(file, { force: true });
  }
}

/** Whether the file is ours now. Its content is the process that has it. */
function take(file) {
  if (make(file)) return true;
  if (!isAlive(holderOf(file))) bury(file);
  return false;
}

/** False if it is there. */
function make(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

/** One at a time, or a second would put away the file that somebody made after the first did. */
function bury(file) {
  const grave = `${file}.dead`;
  if (!make(grave)) {
    if (isOld(grave)) rmSync(grave, { force: true });
    return;
  }
  if (!isAlive(holderOf(file))) rmSync(file, { force: true });
  rmSync(grave, { force: true });
}

/** Undefined if it is gone meanwhile, or may name its holder yet; 0 if that will never be. */
function holderOf(file) {
  try {
    const pid = Number(readFileSync(file, "utf8"));
    if (pid > 0) return pid;
    return isOld(file) ? 0 : undefined;
  } catch {
    return undefined;
  }
}

function isOld(file) {
  const madeAt = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
  return MOMENT_MS < Date.now() - madeAt;
}

function isAlive(pid) {
  if (pid === undefined) return true;
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
