/** Turns errors of the operating system into `Fault`s that name the path and say what to do. */

import { Fault } from "../base/fault.ts";

/** The operating system's codes that mean that there was no room. */
const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: "free some space and try again",
  EDQUOT: "raise the quota or free some space and try again",
  EFBIG: "raise the limit on the size of files and try again",
  ENOENT: "check the path",
  EACCES: "give this user access to it",
  EPERM: "give this user access to it",
  EROFS: "the file system is mounted read-only; mount it for writing",
  EMFILE: "raise the limit on open files (ulimit -n)",
  ENFILE: "raise the system's limit on open files",
  EIO: "the device failed; look at the kernel's log before it is used again",
};

export function ioFault(action: string, path: string, error: unknown): Fault {
  const errno = errnoOf(error) ?? "EIO";
  const advice = ADVICE[errno];
  const what = advice === undefined ? errno : `${errno}, ${advice}`;
  const message = `Cannot ${action} "${path}": ${what}`;
  return new Fault(FULL.has(errno) ? "ERR_FULL" : "ERR_IO", message, { path, errno }, error);
}

/** The code of an error of the operating system, such as `ENOENT`. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
