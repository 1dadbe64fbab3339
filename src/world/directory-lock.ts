/**
 * The lock of a data directory: one process at a time has it.
 *
 * To have it is to listen at the local socket `lock/socket` in the directory. The network lets one
 * listen at a time and takes over from the dead, so that
 *
 *  1. of several that try at once one gets it, and the others learn that they did not;
 *  2. the lock of a process that died, however it did, is free at once. Whether it lives is asked
 *     by connecting, never by its pid, which may be another's by now.
 *
 * The file `lock/holder.json` only names the holder, for messages. It is replaced by a rename, and
 * by the holder alone, so that it need not be locked itself; nothing is concluded from it.
 *
 * Between machines that share a file system sockets do not answer, and this lock keeps nobody
 * out: what is stored has to fence late writers by itself.
 */

import { Fault, isFault } from "../base/fault.ts";
import { dateOf } from "../base/stored-date.ts";
import { decodeUtf8, encodeUtf8 } from "../base/utf8.ts";
import type { Files } from "./files.ts";
import type { Address, Connection, Listener } from "./network.ts";
import { joinPath } from "./paths.ts";
import type { World } from "./world.ts";

/** Who holds a directory. */
export interface LockHolder {
  /** The program and its version, as in `holdfast serve 0.1.0`. */
  readonly program: string;
  readonly host: string;
  readonly bootId: string;
  readonly pid: number;
  /** When the process started, in milliseconds since 1970. */
  readonly startedMs: number;
  /** When it took the directory, in milliseconds since 1970. */
  readonly sinceMs: number;
}

export interface DirectoryLock {
  readonly kind: "held";
  /** Lets the next one have the directory. Connections that were accepted stay. */
  release(): Promise<void>;
}

export interface DirectoryTaken {
  readonly kind: "taken";
  /** Undefined if it left no word of itself. */
  readonly holder: LockHolder | undefined;
}

const FOLDER = "lock";
const SOCKET = "socket";
const HOLDER = "holder.json";
const HOLDER_BYTES_MAX = 4096;
/**
 * A holder names itself after it has the lock; who asks at once would read of another. It may take
 * its time on a busy machine, and has no name on a full disk.
 */
const NAMING_MS = 20;
const NAMING_LOOKS = 25;

/** Where the holder of the directory listens. */
export function lockAddress(directory: string): Address {
  return { kind: "local", path: joinPath(joinPath(directory, FOLDER), SOCKET) };
}

/**
 * Takes the lock of the directory, which is made if there is none. While it is held, others that
 * connect to `lockAddress` are handed to `accept`; some only look whether anybody is there.
 */
export async function acquireDirectoryLock(
  world: World,
  directory: string,
  program: string,
  accept: (connection: Connection) => void,
): Promise<DirectoryLock | DirectoryTaken> {
  const folder = joinPath(directory, FOLDER);
  await world.files.makeDirectory(folder);
  const listener = await tryListen(world, directory, accept);
  if (listener === undefined) {
    return { kind: "taken", holder: await whoHolds(world, folder) };
  }
  try {
    await nameHolder(world, folder, program);
  } catch (error) {
    await listener.close();
    throw error;
  }
  const release = async (): Promise<void> => {
    await world.files.remove(joinPath(folder, HOLDER));
    await listener.close();
  };
  return { kind: "held", release };
}

/** What to tell who wanted the directory for itself. */
export function directoryTakenFault(directory: string, { holder }: DirectoryTaken): Fault {
  const message =
    holder === undefined
      ? `Cannot open "${directory}": another process has it open; stop that one first`
      : `Cannot open "${directory}": ${describe(holder)} has it open; stop that one first, or ` +
        "connect to it instead";
  return new Fault("ERR_LOCKED", message, { directory, holder });
}

function describe({ program, host, pid, sinceMs }: LockHolder): string {
  return `"${program}" (pid ${pid} on host "${host}", since ${dateOf(sinceMs).toISOString()})`;
}

/** Undefined if somebody else listens. */
async function tryListen(
  { network }: World,
  directory: string,
  accept: (connection: Connection) => void,
): Promise<Listener | undefined> {
  let isHeld = false;
  try {
    const listener = await network.listen(lockAddress(directory), (connection) => {
      if (isHeld) accept(connection);
      else refuse(connection);
    });
    isHeld = true;
    return listener;
  } catch (error) {
    if (isFault(error, "ERR_LOCKED")) return undefined;
    throw error;
  }
}

/** Somebody came before it was clear who has the directory. */
function refuse(connection: Connection): void {
  connection.handle({ data: ignore, drained: ignore, closed: ignore });
  connection.destroy();
}

function ignore(): void {
  // Nothing that such a connection says matters.
}

async function whoHolds({ clock, files }: World, folder: string): Promise<LockHolder | undefined> {
  for (let look = 0; look < NAMING_LOOKS; look++) {
    await new Promise<void>((resolve) => clock.after(NAMING_MS, resolve));
    const holder = await readHolder(files, folder);
    if (holder !== undefined) return holder;
  }
  return undefined;
}

/** On a full disk the holder stays without a name: to take the directory asks for no room. */
async function nameHolder(world: World, folder: string, program: string): Promise<void> {
  try {
    await writeHolder(world, folder, program);
  } catch (error) {
    if (!isFault(error, "ERR_FULL")) throw error;
    await world.files.remove(draftIn(folder));
    await world.files.remove(joinPath(folder, HOLDER));
  }
}

async function writeHolder(
  { files, clock, process }: World,
  folder: string,
  program: string,
): Promise<void> {
  const { host, bootId, pid, startedMs } = process;
  const holder: LockHolder = { program, host, bootId, pid, startedMs, sinceMs: clock.wallMs() };
  const draft = draftIn(folder);
  // Who finds the directory taken waits for a name, and must not read that of the one before.
  await files.remove(joinPath(folder, HOLDER));
  await files.remove(draft);
  const file = await files.open(draft, "create");
  try {
    await file.write(0, encodeUtf8(`${JSON.stringify(holder)}\n`));
  } finally {
    await file.close();
  }
  await files.rename(draft, joinPath(folder, HOLDER));
}

function draftIn(folder: string): string {
  return joinPath(folder, `${HOLDER}.new`);
}

async function readHolder(files: Files, folder: string): Promise<LockHolder | undefined> {
  try {
    const file = await files.open(joinPath(folder, HOLDER), "read");
    try {
      const bytes = new Uint8Array(HOLDER_BYTES_MAX);
      const count = await file.read(0, bytes);
      return parseHolder(decodeUtf8(bytes, 0, count));
    } finally {
      await file.close();
    }
  } catch {
    // The name of the holder is a courtesy; that there is one is known already.
    return undefined;
  }
}

function parseHolder(text: string): LockHolder | undefined {
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { program, host, bootId, pid, startedMs, sinceMs } = parsed as Partial<LockHolder>;
  const texts = [program, host, bootId].every((value) => typeof value === "string");
  const numbers = [pid, startedMs, sinceMs].every((value) => Number.isSafeInteger(value));
  return texts && numbers ? (parsed as LockHolder) : undefined;
}
