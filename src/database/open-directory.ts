/**
 * Opens a data directory that processes may share: the first has the store open, and serves those
 * that come later over its local socket until one of them takes its place.
 */

import { Fault, isFault } from "../base/fault.ts";
import type { Engine } from "../transactions/engine.ts";
import { lockAddress } from "../world/directory-lock.ts";
import type { Connection } from "../world/network.ts";
import type { World } from "../world/world.ts";
import { AttachConnection } from "./attach-connection.ts";
import { AttachServer } from "./attach-server.ts";
import { AttachedSession, type SessionNeed } from "./attached-session.ts";
import { Database } from "./database.ts";
import { LocalSession } from "./local-session.ts";
import { type DatabaseOptions, holdEngine, onErrorOf, valuesFor } from "./open-database.ts";
import { RemoteSession } from "./remote-session.ts";
import { completeSettings, type DatabaseSettings } from "./settings.ts";
import type { StoreHolder } from "./store-holder.ts";

/**
 * Opens the store of the directory and takes its lock. `ERR_LOCKED` if another has it, which
 * `accept` is then handed the connections of; it may be called before the store is open.
 */
export type OpenStore = (accept: (connection: Connection) => void) => Promise<Engine>;

export interface DirectoryOptions extends DatabaseOptions {
  /** Whether to be served by another process that has the directory open. */
  readonly attach: boolean;
}

/** Between two attempts, at most: at first, and when there were many. */
const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 500;
/** What is asked takes its own time at the holder, whose limit this is. */
const ANSWER_FACTOR = 2;
/** A holder that hangs up so often serves nobody: a server, or another program. */
const REFUSALS_MAX = 24;

export async function openDirectory(
  world: World,
  directory: string,
  options: DirectoryOptions,
  openStore: OpenStore,
): Promise<Database> {
  const settings = completeSettings(options);
  const finder = new SessionFinder(world, directory, settings, openStore);
  const session = new AttachedSession(world.clock, settings.timeoutMs, async (need) =>
    options.attach ? await finder.find(need) : await finder.hold(),
  );
  try {
    await session.start();
  } catch (error) {
    // It may be looking for a session still, and nobody would close what it found.
    void session.close();
    throw error;
  }
  return new Database(
    world,
    session,
    valuesFor(world, settings, options),
    onErrorOf(world, options),
  );
}

class SessionFinder {
  readonly #world: World;
  readonly #directory: string;
  readonly #settings: DatabaseSettings;
  readonly #openStore: OpenStore;

  constructor(world: World, directory: string, settings: DatabaseSettings, openStore: OpenStore) {
    this.#world = world;
    this.#directory = directory;
    this.#settings = settings;
    this.#openStore = openStore;
  }

  /** By turns tries to have the store and to be served by who has it. */
  async find(need: SessionNeed): Promise<LocalSession | RemoteSession> {
    const isWanted = (): boolean => !need.signal.aborted;
    for (let refusals = 0; ; refusals++) {
      if (!isWanted()) throw new Fault("ERR_CLOSED", "the database is closed; open it again");
      try {
        return await this.hold();
      } catch (error) {
        if (!isFault(error, "ERR_LOCKED") || !isWanted()) throw error;
        const session = await this.#attach(need);
        if (session !== undefined) return session;
        if (need.isFirst && REFUSALS_MAX <= refusals) throw error;
      }
      await this.#pause(refusals);
    }
  }

  /** Opens the store, and serves whoever comes later. */
  async hold(): Promise<LocalSession> {
    const desk = new FrontDesk(this.#world);
    try {
      const engine = await this.#openStore((connection) => {
        desk.accept(connection);
      });
      const session = await holdEngine(this.#world, engine, this.#settings);
      desk.open(session.holder);
      return session;
    } catch (error) {
      desk.fail(error);
      throw error;
    }
  }

  /** Undefined if nobody is there who serves, or says so in time. */
  async #attach({ resolve, signal }: SessionNeed): Promise<RemoteSession | undefined> {
    const { network, clock } = this.#world;
    const { timeoutMs } = this.#settings;
    let stopTimer: (() => void) | undefined;
    let giveUp: (() => void) | undefined;
    try {
      const inner = await network.connect(lockAddress(this.#directory));
      const connection = new AttachConnection(inner, clock, ANSWER_FACTOR * timeoutMs);
      giveUp = (): void => connection.destroy();
      stopTimer = clock.after(timeoutMs, giveUp);
      signal.addEventListener("abort", giveUp);
      if (signal.aborted) giveUp();
      return await RemoteSession.open(connection, this.#world, resolve);
    } catch (error) {
      if (isFault(error, "ERR_UNAVAILABLE")) return undefined;
      throw error;
    } finally {
      stopTimer?.();
      if (giveUp !== undefined) signal.removeEventListener("abort", giveUp);
    }
  }

  /** At random, so that several do not meet for ever. */
  async #pause(refusals: number): Promise<void> {
    const { clock, random } = this.#world;
    const delayMs = 1 + random.below(Math.min(PAUSE_MS_MIN * 2 ** (refusals >> 3), PAUSE_MS_MAX));
    await new Promise<void>((resolve) => clock.after(delayMs, resolve));
  }
}

/** Receives processes that want to be served, from before the store is open. */
class FrontDesk {
  readonly #world: World;
  readonly #servers = new Set<AttachServer>();
  readonly #opened: Promise<StoreHolder>;
  #holder: StoreHolder | undefined;
  #open: (holder: StoreHolder) => void = () => undefined;
  #fail: (reason: unknown) => void = () => undefined;

  constructor(world: World) {
    this.#world = world;
    this.#opened = new Promise<StoreHolder>((resolve, reject) => {
      this.#open = resolve;
      this.#fail = reject;
    });
    // Nobody may ever come.
    this.#opened.catch(() => undefined);
  }

  accept(connection: Connection): void {
    if (this.#holder?.isClosing === true) {
      turnAway(connection);
      return;
    }
    const opening = this.#opened.then(async (holder) => {
      return new LocalSession(holder, await holder.ledger.openSession());
    });
    const server: AttachServer = new AttachServer(this.#world, opening, connection, () => {
      this.#servers.delete(server);
    });
    this.#servers.add(server);
  }

  open(holder: StoreHolder): void {
    this.#holder = holder;
    holder.served = this.#servers;
    this.#open(holder);
  }

  /** The store could not be opened. */
  fail(reason: unknown): void {
    this.#fail(reason);
  }
}

/** The store is being closed: whoever comes now is served by the next. */
function turnAway(connection: Connection): void {
  connection.handle({ data: nothing, drained: nothing, closed: nothing });
  connection.destroy();
}

function nothing(): void {
  // A connection that is turned away has nothing to say.
}
