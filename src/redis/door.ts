/** What all connections of one Redis door share. */

import { RequestParser } from "../resp/request-parser.ts";
import type { TransactionStore } from "../transactions/step.ts";
import type { Clock, Random, World } from "../world/world.ts";
import { AuthLimiter } from "./auth.ts";
import type { Client } from "./client.ts";
import { CommandTable } from "./command-table.ts";
import type { Command, CommandSpec } from "./command.ts";
import { CursorTable } from "./cursor-table.ts";
import { DatabaseMap } from "./database-map.ts";
import { Keyspace } from "./keyspace.ts";
import type { Settings } from "./settings.ts";
import { DoorStats } from "./stats.ts";
import { WatchTable } from "./watch-table.ts";

const GUESSING_HOSTS_MAX = 1024;

export type DoorWorld = Pick<World, "clock" | "random" | "network" | "trace" | "process">;

export class Door {
  readonly world: DoorWorld;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: TransactionStore;
  readonly settings: Settings;
  readonly commands: CommandTable;
  readonly watches: WatchTable = new WatchTable();
  readonly keys: Keyspace;
  readonly cursors: CursorTable;
  readonly stats: DoorStats = new DoorStats();
  readonly authLimiter: AuthLimiter = new AuthLimiter(GUESSING_HOSTS_MAX);
  /** By id, so oldest first. */
  readonly clients: Map<number, Client> = new Map();
  readonly openedMs: number;
  /** Where it listens, for INFO and CONFIG. */
  host = "";
  port = 0;
  /** Until when commands are held back, by the monotonic clock. */
  pausedUntilMs = 0;
  /** Whether only commands that write are held back. */
  pausesWritesOnly = false;
  /** How to go on with the connections whose commands are held back. */
  readonly held: Set<() => void> = new Set();
  /** No more than there ever were requests under way at once; the one used last comes first. */
  readonly #parsers: RequestParser[] = [];
  #stopPauseTimer: () => void = () => undefined;
  #nextClientId = 1;

  constructor(
    world: DoorWorld,
    store: TransactionStore,
    settings: Settings,
    commands: readonly CommandSpec[],
  ) {
    this.world = world;
    this.clock = world.clock;
    this.random = world.random.stream("redis");
    this.store = store;
    this.settings = settings;
    this.commands = new CommandTable(commands);
    const databases = new DatabaseMap(settings.databaseCount);
    this.keys = new Keyspace(databases, this.watches, settings.encodedKeyBytesMax);
    this.cursors = new CursorTable(settings.cursorCountMax, world.clock.wallMs());
    this.openedMs = world.clock.monotonicMs();
  }

  nextClientId(): number {
    return this.#nextClientId++;
  }

  /**
   * A parser for the requests of one chunk. It is kept by whoever has only the beginning of a
   * request, and else given back: of many connections each would find its own far from the
   * processor.
   */
  takeParser(): RequestParser {
    const { bulkBytesMax } = this.settings;
    return this.#parsers.pop() ?? new RequestParser({ bulkBytesMax, stranger: true });
  }

  giveBackParser(parser: RequestParser): void {
    this.#parsers.push(parser);
  }

  /** Holds commands back for a time; of two pauses the later end and the wider scope count. */
  pause(durationMs: number, writesOnly: boolean): void {
    const nowMs = this.clock.monotonicMs();
    const pausing = nowMs < this.pausedUntilMs;
    this.pausesWritesOnly = writesOnly && (!pausing || this.pausesWritesOnly);
    this.pausedUntilMs = Math.max(this.pausedUntilMs, nowMs + durationMs);
    this.#stopPauseTimer();
    this.#stopPauseTimer = this.clock.after(this.pausedUntilMs - nowMs, () => this.unpause());
  }

  /** Whether CLIENT PAUSE keeps this command from being run now; EXEC `writes` if it would. */
  holdsBack(command: Command, execWrites: boolean): boolean {
    if (this.pausedUntilMs <= this.clock.monotonicMs()) return false;
    if (command.name === "client|unpause") return false;
    if (!this.pausesWritesOnly || command.writes || command.name === "commit") return true;
    return command.name === "exec" && execWrites;
  }

  unpause(): void {
    this.#stopPauseTimer();
    this.pausedUntilMs = 0;
    const held = [...this.held];
    this.held.clear();
    for (const goOn of held) goOn();
  }
}
