/**
 * Decides who listens at a local address, of several that may try at once, and some of which may
 * have died there.
 *
 * The socket's name alone cannot decide it. A dead socket keeps its name, and between finding it
 * dead and putting another in its place anybody may have done the same. So there are numbered
 * claims beside it: `.name.1`, `.name.2` and so on, each a second name of its claimant's socket.
 * It is guaranteed that
 *
 *  1. a claim is made by `link`, which fails if the name exists, so that each number is claimed
 *     by one at most; and its socket listens already, so that it answers while its process lives;
 *  2. number n + 1 is claimed only by one who found n to be the newest, and dead. The dead never
 *     listen again;
 *  3. a claim is good only if it is still the newest after it was made. The newest is never
 *     removed, not even by who closes in good order, so that the numbers never begin again and
 *     one who slept since step 2 finds itself outdone.
 *
 * Only who holds the good claim touches `name` itself, which is where others connect.
 */

import { chmod, link, readdir, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Fault } from "../base/fault.ts";
import type { Random } from "../world/world.ts";
import { errnoOf, ioFault } from "./io-fault.ts";
import { usingShortPath } from "./socket-path.ts";

export interface Sockets {
  /** Makes a socket at the path, which does not exist, and listens. */
  listen(path: string): Promise<void>;
  unlisten(): Promise<void>;
  /** Whether somebody listens there. */
  answers(path: string): Promise<boolean>;
}

export interface LocalClaim {
  /** Removes the name. To be called while the socket still listens. */
  release(): Promise<void>;
}

/** Each attempt that fails does so because another came forward, which is seen dead or alive. */
const ATTEMPTS_MAX = 100;

export async function claimLocalAddress(
  path: string,
  random: Random,
  sockets: Sockets,
): Promise<LocalClaim> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const newest = (await claims(path)).at(-1) ?? 0;
    if (await answersAt(path, sockets)) throw inUse(path);
    if (0 < newest && (await answersAt(claimPath(path, newest), sockets))) throw inUse(path);
    if (await claim(path, newest + 1, random, sockets)) {
      return { release: async () => await release(path, newest + 1) };
    }
  }
  throw inUse(path);
}

/** Whether the claim of this number was made and is good. */
async function claim(
  path: string,
  number: number,
  random: Random,
  sockets: Sockets,
): Promise<boolean> {
  const draft = join(dirname(path), `.${basename(path)}.new-${random.below(2 ** 32)}`);
  await usingShortPath(draft, async (short) => {
    await asFault("listen at", path, sockets.listen(short));
  });
  const claimed = claimPath(path, number);
  try {
    await chmod(draft, 0o600);
    await link(draft, claimed);
    if ((await claims(path)).at(-1) === number) {
      await rename(draft, path);
      await removeOlder(path, number, sockets);
      return true;
    }
    await unlink(claimed);
  } catch (error) {
    const errno = errnoOf(error);
    // Taken by another, or the draft was taken for one that a dead process had left.
    if (errno !== "EEXIST" && errno !== "ENOENT") {
      await sockets.unlisten();
      throw ioFault("claim", path, error);
    }
  }
  await unlessMissing(unlink(draft));
  await sockets.unlisten();
  return false;
}

/**
 * Removes the claims that came to an end, and drafts of the dead. The claim before the newest
 * stays too, so that who lists the directory at the wrong moment misses one at the most.
 */
async function removeOlder(path: string, newest: number, sockets: Sockets): Promise<void> {
  for (const number of await claims(path)) {
    if (number < newest - 1) await unlessMissing(unlink(claimPath(path, number)));
  }
  const draftPrefix = `.${basename(path)}.new-`;
  for (const name of await readdir(dirname(path))) {
    const draft = join(dirname(path), name);
    if (!name.startsWith(draftPrefix) || (await answersAt(draft, sockets))) continue;
    await unlessMissing(unlink(draft));
  }
}

async function release(path: string, number: number): Promise<void> {
  const [named, claimed] = await Promise.all([inode(path), inode(claimPath(path, number))]);
  if (named !== undefined && named === claimed) await unlessMissing(unlink(path));
}

/** The numbers of all claims, the newest last. */
async function claims(path: string): Promise<readonly number[]> {
  const prefix = `.${basename(path)}.`;
  const names = await asFault("list", dirname(path), readdir(dirname(path)));
  return names
    .filter((name) => name.startsWith(prefix))
    .map((name) => Number(name.slice(prefix.length)))
    .filter((number) => Number.isSafeInteger(number))
    .toSorted((left, right) => left - right);
}

function claimPath(path: string, number: number): string {
  return join(dirname(path), `.${basename(path)}.${number}`);
}

async function answersAt(path: string, sockets: Sockets): Promise<boolean> {
  return await usingShortPath(path, async (short) => await sockets.answers(short));
}

async function inode(path: string): Promise<bigint | undefined> {
  try {
    return (await stat(path, { bigint: true })).ino;
  } catch {
    return undefined;
  }
}

function inUse(path: string): Fault {
  const message = `Cannot listen at "${path}": a process that lives listens there; stop it first`;
  return new Fault("ERR_LOCKED", message, { path });
}

async function unlessMissing(done: Promise<void>): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}

async function asFault<T>(action: string, path: string, done: Promise<T>): Promise<T> {
  try {
    return await done;
  } catch (error) {
    throw error instanceof Fault ? error : ioFault(action, path, error);
  }
}
