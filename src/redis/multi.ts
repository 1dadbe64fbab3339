/**
 * MULTI and WATCH of one connection: the commands that were queued and the keys that must not
 * change before they run.
 *
 * A watched key is remembered with the version that it had. EXEC looks at the keys again in the
 * body in which it runs what was queued, so that nothing can come in between. That makes what it
 * runs serializable; that a key which was changed back has changed too is known from the table of
 * all watched keys.
 */

import { ownBytes } from "../base/bytes.ts";
import { type Lsn, lsn } from "../base/ids.ts";
import type { Request } from "../resp/request.ts";
import type { Step } from "../transactions/step.ts";
import type { Command } from "./command.ts";
import type { Keyspace } from "./keyspace.ts";
import { RequestQueue } from "./request-queue.ts";
import { type WatchedKey, type Watcher, watchName, type WatchTable } from "./watch-table.ts";

const POINTER_BYTES = 8;

interface Watched extends WatchedKey {
  /** Which database that was: SWAPDB may put another key of this name in place of this one. */
  readonly database: number;
  /** The position in the log of its last write, 0 if it was absent. */
  readonly version: number;
}

export class Multi implements Watcher {
  /** Whether commands are queued rather than run. */
  active = false;
  /** Whether one could not be queued, so that none may run. */
  spoiled = false;
  /** What was queued: the commands, and beside them their requests. */
  readonly commands: Command[] = [];
  readonly requests: RequestQueue = new RequestQueue();
  /** Whether one of the commands may write, and whether one may change the map of databases. */
  writes = false;
  remaps = false;
  /** The position of the newest write of a watched key, 0 if none was written. */
  touchedAt: Lsn = lsn(0);
  readonly #table: WatchTable;
  readonly #watched = new Map<string, Watched>();
  /** What the body that is being run would watch. */
  #wanted: Watched[] = [];
  /** Whether nothing may be watched any more. */
  #isOver = false;

  constructor(table: WatchTable) {
    this.#table = table;
  }

  get watchedCount(): number {
    return this.#watched.size;
  }

  /** What is kept of the commands that were queued. */
  get sizeBytes(): number {
    return this.requests.sizeBytes + this.commands.length * POINTER_BYTES;
  }

  /** Queues the command, or says why it may not be: EXEC then runs nothing. */
  queue(command: Command, request: Request, bytesMax: number): string | undefined {
    const refusal = this.#refusalOf(command, request, bytesMax);
    if (refusal === undefined) this.#add(command, request);
    else this.spoiled = true;
    return refusal;
  }

  /** The rows of the keys of all that was queued, which it reads from the beginning. */
  *rows(keys: Keyspace): Generator<Uint8Array> {
    this.requests.rewind();
    for (const command of this.commands) {
      const request = this.requests.read();
      for (const index of command.keyIndexes(request.count)) yield keys.rowOf(request, index);
    }
  }

  #refusalOf(command: Command, request: Request, bytesMax: number): string | undefined {
    if (command.flags.has("no_multi")) return "ERR Command not allowed inside a transaction";
    if (this.sizeBytes + request.spanBytes <= bytesMax) return undefined;
    const most = `ERR MULTI queues at most ${bytesMax} bytes`;
    return `${most}: give EXEC fewer or smaller commands at a time`;
  }

  #add(command: Command, request: Request): void {
    this.commands.push(command);
    this.requests.add(request);
    if (command.writes) this.writes = true;
    if (command.remaps) this.remaps = true;
  }

  /** Forgets what was queued and what was watched. */
  clear(): void {
    this.active = false;
    this.spoiled = false;
    this.commands.length = 0;
    this.requests.clear();
    this.writes = false;
    this.remaps = false;
    this.unwatch();
  }

  unwatch(): void {
    if (this.#watched.size === 0) return;
    for (const name of this.#watched.keys()) this.#table.remove(name, this);
    this.#watched.clear();
    this.touchedAt = lsn(0);
  }

  /** The connection is over: it watches nothing, whatever comes of bodies that still run. */
  abandon(): void {
    this.clear();
    this.#isOver = true;
  }

  touched(at: Lsn): void {
    this.touchedAt = at;
  }

  /** In a body: reads the versions of the keys named by the request. */
  look(step: Step, keys: Keyspace, request: Request, index: number): void {
    this.#wanted = [];
    const { database } = keys;
    for (let argument = 1; argument < request.count; argument++) {
      const key = ownBytes(request.argument(argument));
      keys.point(key, 0, key.length);
      const version = keys.findPointed() ? step.version : 0;
      this.#wanted.push({ index, database, key, version });
    }
  }

  /** After the body: watches what it read. A key that is watched already keeps its version. */
  watch(): void {
    const wanted = this.#isOver ? [] : this.#wanted;
    for (const one of wanted) {
      const name = watchName(one.index, one.key, 0, one.key.length);
      if (this.#watched.has(name)) continue;
      this.#watched.set(name, one);
      this.#table.add(name, one, this);
    }
    this.#wanted = [];
  }

  /** In a body: whether the watched keys are as they were. */
  unchanged(step: Step, keys: Keyspace): boolean {
    if (this.#watched.size === 0) return true;
    if (this.touchedAt > 0) return false;
    for (const { index, database, key, version } of this.#watched.values()) {
      keys.use(index);
      keys.point(key, 0, key.length);
      const now = keys.findPointed() ? step.version : 0;
      if (now !== version || (now !== 0 && keys.database !== database)) return false;
    }
    return true;
  }
}
