/**
 * One life of the store in a simulated run: from its opening, with all its clients, to the end
 * that was planned for it. A life that ends by a crash ends in the middle of anything.
 */

import { must } from "../../base/assert.ts";
import { isFault, messageOf } from "../../base/fault.ts";
import { findCycle } from "../../locks/waits-for.ts";
import { libraryRows } from "../../database/library-rows.ts";
import { type OpenEngineOptions, openVolumeEngine } from "../../transactions/open-engine.ts";
import type { Transactions } from "../../transactions/transactions.ts";
import { defaultStoreOptions } from "../../store/options.ts";
import { PAGE_BYTES } from "../../cells/page.ts";
import type { ByteRange, StorageOperation } from "../../volume/fault-plan.ts";
import { openFileVolume } from "../../volume/file-volume.ts";
import type { World } from "../../world/world.ts";
import type { SimulatedMachine } from "../simulated-machine.ts";
import type { SimulatedProcess } from "../simulated-process.ts";
import type { SimulatedWorld } from "../simulated-world.ts";
import { SUPERBLOCK_ZONE_BYTES } from "../../store/superblock.ts";
import { type ClientParts, StoreClient } from "./client.ts";
import { FullDisk } from "./full-disk.ts";
import { WildClock } from "./wild-clock.ts";
import { storedLogRanges } from "./page-ranges.ts";
import { Recorder } from "./recorder.ts";
import { RecordingStore } from "./recording-store.ts";
import type { RunRecord } from "./run-record.ts";
import type { Sight } from "./sights.ts";
import type { LifeEnd, SwarmPlan } from "./swarm.ts";
import { write } from "./rows.ts";
import { RolledBack, type Workload } from "./workload.ts";

export type OpenForRun = (
  world: World,
  directory: string,
  options: OpenEngineOptions,
) => Promise<Transactions>;

export interface LifeParts {
  readonly simulation: SimulatedWorld;
  readonly plan: SwarmPlan;
  readonly record: RunRecord;
  readonly end: LifeEnd;
  /** Lives are numbered from 1. */
  readonly number: number;
  readonly open: OpenForRun;
  /** The last of all: the disk has room at least until its clients begin. */
  readonly isLast: boolean;
  /** Another process holds the directory, and stands still. */
  readonly takesOver: boolean;
  readonly see: (sight: Sight) => void;
  readonly violated: (what: string) => void;
}

export const LIFE_OVER = "the life is over";

/** A process that stands still while another has taken over. */
export interface StoppedLife {
  /** Lets it go on, watches what it does, and ends it. */
  readonly goOn: () => Promise<void>;
}

const DIRECTORY = "/data";
const WRITES: readonly StorageOperation[] = ["write", "durable", "sync", "grow"];
const PATIENCE_MS = 60_000;
const SAMPLE_MS = 0.7;
/** How often it is looked whether the process may be stopped where its disk is quiet. */
const QUIET_MS = 0.03;
/** What a process that was stopped is given to find out that it was replaced. */
const AWAKENING_MS = 600;
/** How often it is looked whether there is room again. */
const ROOM_MS = 3;

export class Life {
  readonly #parts: LifeParts;
  readonly #machine: SimulatedMachine;
  readonly #process: SimulatedProcess;
  /** Resolves when the process has died. */
  readonly #over: Promise<typeof LIFE_OVER>;
  #markOver: () => void = () => undefined;
  #isOver = false;
  #engine: Transactions | undefined;
  #recorder: Recorder | undefined;
  #clientsDone: Promise<unknown> = Promise.resolve();
  #stopSampling: () => void = () => undefined;
  #cancelEnd: () => void = () => undefined;
  readonly #full: FullDisk | undefined;
  readonly #wildClock: WildClock | undefined;

  constructor(parts: LifeParts) {
    this.#parts = parts;
    this.#machine = parts.simulation.node("store");
    this.#process = this.#machine.start();
    this.#over = new Promise((resolve) => {
      this.#markOver = () => {
        this.#isOver = true;
        this.#stopSampling();
        this.#wildClock?.end();
        resolve(LIFE_OVER);
      };
    });
    this.#process.onKill(() => this.#markOver());
    for (const rule of parts.plan.diskRules) this.#machine.disk.plan.add(rule);
    this.#full = this.#makeFullDisk();
    this.#wildClock = this.#makeWildClock();
    if (this.#opensFull) this.#full?.begin();
    this.#planEnd();
  }

  get engine(): Transactions {
    return must(this.#engine, "the store is open");
  }

  /** Opens the store, writes what the workloads need, and starts the clients. */
  async begin(): Promise<typeof LIFE_OVER | undefined> {
    const began = this.#begin().catch((error: unknown) => this.#openFailed(error));
    return await Promise.race([began, this.#over]);
  }

  /** Resolves when all clients have done what they wanted, or nobody is left to do it. */
  async clientsDone(): Promise<void> {
    const done = this.#clientsDone.then(async () => await this.#requireRoomAgain());
    await Promise.race([done, this.#over]);
    if (this.#isOver) return;
    this.#stopSampling();
    this.#requireNothingLeft();
  }

  async checkWorkloads(): Promise<void> {
    const client = this.#patientClient("checker");
    for (const workload of this.#parts.plan.workloads) await workload.check(client);
  }

  /** What was refused for want of room is not refused when there is room again. */
  async #requireRoomAgain(): Promise<void> {
    const full = this.#full;
    if (full === undefined || !full.wasFull || this.engine.failure !== undefined) return;
    const { number, see } = this.#parts;
    const client = this.#patientClient("room");
    while (full.isFull) await client.think(ROOM_MS);
    try {
      await client.run((step) => write(step, `room/${number}`, client.unique()));
      see("room-again");
    } catch (error) {
      if (isFault(error, "ERR_FULL")) client.violated("it was refused though there is room");
      else this.#goesOn(client, error);
    }
  }

  get #opensFull(): boolean {
    return 1 < this.#parts.number && !this.#parts.isLast;
  }

  #makeFullDisk(): FullDisk | undefined {
    const { simulation, plan } = this.#parts;
    if (plan.full === undefined) return undefined;
    const path = `${DIRECTORY}/volume`;
    const logRanges = (): readonly ByteRange[] => this.#logRanges(path);
    const store = { path, logRanges };
    return new FullDisk(simulation, this.#machine.disk, plan.full, store);
  }

  #makeWildClock(): WildClock | undefined {
    const { simulation, plan, number, violated } = this.#parts;
    if (plan.jumps === undefined) return undefined;
    return new WildClock({
      simulation,
      machine: this.#machine.clock,
      clock: this.#process.world.clock,
      random: simulation.random(`clock ${number}`),
      jumps: plan.jumps,
      violated,
    });
  }

  /**
   * Where the log lies: by its store or, while that is being opened, by what is on the disk. What a
   * growth that is under way has written at the end may be next.
   */
  #logRanges(path: string): readonly ByteRange[] {
    const { cache } = this.#machine.disk.inode(path);
    if (this.#engine === undefined) return storedLogRanges(cache);
    const { space } = this.#engine.store.cells;
    const end = SUPERBLOCK_ZONE_BYTES + space.pageCount * PAGE_BYTES;
    const places = space.lent.map(({ first, count }) => ({
      at: SUPERBLOCK_ZONE_BYTES + first * PAGE_BYTES,
      length: count * PAGE_BYTES,
    }));
    return [...places, { at: end, length: Math.max(0, cache.sizeBytes - end) }];
  }

  /** Ends it, if that has not happened. */
  async end(): Promise<StoppedLife | undefined> {
    const { end } = this.#parts;
    this.#full?.end();
    if (this.#process.isPaused) return { goOn: async () => await this.#goOn() };
    this.#cancelEnd();
    this.#stopSampling();
    this.#wildClock?.end();
    if (end.kind === "close" && !this.#isOver) await this.#engine?.close();
    this.#look();
    this.#stop();
    this.#machine.disk.plan.clear();
    return undefined;
  }

  #stop(): void {
    const { end } = this.#parts;
    if (this.#process.isDead) return;
    if ("how" in end && end.how === "power") this.#machine.crash("power");
    this.#process.kill();
  }

  async #goOn(): Promise<void> {
    if (!this.#process.isDead) {
      await this.#sleep(2 * (this.#parts.plan.store.stallMs ?? defaultStoreOptions.stallMs));
      this.#process.resume();
      await this.#sleep(AWAKENING_MS);
      const { failure } = this.engine;
      if (isFault(failure?.cause, "ERR_UNAVAILABLE")) this.#parts.see("fenced");
    }
    this.#look();
    this.#process.kill();
  }

  async #sleep(ms: number): Promise<void> {
    const { simulation } = this.#parts;
    await new Promise<void>((resolve) => simulation.after(ms, resolve));
  }

  async #begin(): Promise<typeof LIFE_OVER | undefined> {
    const { plan, number, open, record } = this.#parts;
    const rows = [libraryRows];
    const options = { store: plan.store, rows, program: `life ${number}` };
    const { world } = this.#process;
    const engine = this.#parts.takesOver
      ? await this.#takeOver(world)
      : await open(world, DIRECTORY, options);
    this.#adopt(engine);
    if (this.#full?.isFull === true) this.#parts.see("opened-full");
    if (number > 1) record.openedAgain(this.engine.appendedLsn);
    const setter = this.#patientClient("setter");
    for (const workload of plan.workloads) await this.#setUp(workload, setter);
    if (!this.#opensFull) this.#full?.begin();
    this.#startClients();
    return undefined;
  }

  async #setUp(workload: Workload, setter: StoreClient): Promise<void> {
    for (;;) {
      try {
        await workload.setup(setter);
        return;
      } catch (error) {
        if (this.#full?.wasFull !== true || !isFault(error, "ERR_FULL")) throw error;
        await setter.think(ROOM_MS);
      }
    }
  }

  #adopt(engine: Transactions): void {
    const { record, see } = this.#parts;
    this.#engine = engine;
    this.#recorder = new Recorder(engine, record, see);
    this.#sample();
  }

  #openFailed(error: unknown): typeof LIFE_OVER {
    const { kind } = this.#parts.end;
    const hasNoPages = this.#full?.wasFull === true && this.#parts.plan.full?.refuses === "pages";
    const mayFail =
      kind === "disk-error" || this.#isOver || (hasNoPages && isFault(error, "ERR_FULL"));
    if (!mayFail) this.#parts.violated(`it cannot be opened: ${messageOf(error)}`);
    return LIFE_OVER;
  }

  #startClients(): void {
    const { plan } = this.#parts;
    const { workloads, clientCount, impatiencePercent } = plan;
    const running: Promise<void>[] = [];
    for (let number = 0; number < clientCount; number++) {
      const workload = must(workloads[number % workloads.length], "a run has a workload");
      running.push(this.#runClient(this.#client(`${number}`, impatiencePercent), workload));
    }
    this.#clientsDone = Promise.all(running);
  }

  /** One that has time, since what it does must be done. */
  #patientClient(name: string): StoreClient {
    return new StoreClient({ ...this.#clientParts(name, 0), timeoutMs: PATIENCE_MS });
  }

  #client(name: string, impatiencePercent: number): StoreClient {
    return new StoreClient(this.#clientParts(name, impatiencePercent));
  }

  #clientParts(name: string, impatiencePercent: number): ClientParts {
    const { simulation, number, see, violated } = this.#parts;
    const fullName = `${name}.${number}`;
    const { clock } = this.#process.world;
    return {
      name: fullName,
      store: new RecordingStore(must(this.#recorder, "the store is open"), fullName),
      clock,
      random: simulation.random(`client ${fullName}`),
      impatiencePercent,
      violated,
      see,
    };
  }

  async #runClient(client: StoreClient, workload: Workload): Promise<void> {
    const { actsPerClient, thinkMsMax } = this.#parts.plan;
    for (let count = 0; count < actsPerClient; count++) {
      await client.think(thinkMsMax);
      try {
        await workload.act(client);
      } catch (error) {
        if (!this.#goesOn(client, error)) return;
      }
    }
  }

  /** Whether a client to whom this happened may go on. */
  #goesOn(client: StoreClient, error: unknown): boolean {
    if (this.#process.isDead) return false;
    if (error instanceof RolledBack) return true;
    if (isFault(error, "ERR_FULL") && this.#full?.wasFull === true) {
      this.#parts.see("disk-full");
      return true;
    }
    // Limits of time are no business of the date.
    const isLate = isFault(error, "ERR_TIMEOUT") && this.#wildClock !== undefined;
    if (isLate) client.violated("it was told that it waited for long");
    const isPassing = isFault(error, "ERR_TIMEOUT") || isFault(error, "ERR_ABORTED");
    if (isPassing && this.engine.failure === undefined) return true;
    const { failure } = this.engine;
    const { kind } = this.#parts.end;
    if (failure !== undefined && (kind === "disk-error" || kind === "take-over")) return false;
    if (kind === "disk-error" && isFault(error, "ERR_IO")) return true;
    const stack = error instanceof Error ? error.stack : undefined;
    client.violated(`it met ${stack ?? messageOf(error)}`);
    return false;
  }

  #planEnd(): void {
    const { end, simulation } = this.#parts;
    const { plan } = this.#machine.disk;
    const { kind } = end;
    if (kind === "take-over") {
      this.#cancelEnd = simulation.after(end.afterMs, () => {
        if (this.#engine !== undefined) this.#stopWhenQuiet();
      });
    } else if (kind === "crash") {
      this.#cancelEnd = simulation.after(end.afterMs, () => {
        if (!this.#isOver) this.#machine.crash(end.how);
      });
    } else if (kind === "crash-at") {
      const fault = { kind: "crash", how: end.how } as const;
      plan.add({ operations: WRITES, skip: end.operation, count: 1, fault });
    } else if (kind === "disk-error") {
      const fault = { kind: "error" } as const;
      const { operation: skip } = end;
      if (end.strikes === "read") plan.add({ operations: ["read"], skip, count: 1, fault });
      else plan.add({ operations: WRITES, skip, count: "forever", fault });
    }
  }

  /** The lock of the directory is no help against who cannot be asked to let go of it. */
  async #takeOver(world: World): Promise<Transactions> {
    const volume = await openFileVolume(world.files, `${DIRECTORY}/volume`);
    const options = { ...defaultStoreOptions, ...this.#parts.plan.store };
    return await openVolumeEngine(world, volume, options, [libraryRows]);
  }

  /**
   * Stops the process between two of its operations on the disk. What it had given to the disk
   * before cannot be called back, by nobody, and is not what is tried here.
   */
  #stopWhenQuiet(): void {
    if (this.#isOver) return;
    const { store } = this.engine;
    const isQuiet =
      this.#process.underWayCount === 0 && store.log.durableLsn === store.log.appendedLsn;
    if (!isQuiet) {
      const again = (): void => this.#stopWhenQuiet();
      this.#cancelEnd = this.#parts.simulation.after(QUIET_MS, again);
      return;
    }
    this.#process.pause();
    this.#markOver();
  }

  /** Looks now and then whether some wait for each other. */
  #sample(): void {
    const { simulation, violated } = this.#parts;
    this.#stopSampling = simulation.after(SAMPLE_MS, () => {
      const cycle = findCycle(this.engine.locks.table.waitsFor());
      if (cycle !== undefined) violated(`transactions wait in a circle: ${cycle.join(", ")}`);
      this.#wildClock?.look();
      this.#sample();
    });
  }

  #look(): void {
    const engine = this.#engine;
    if (engine === undefined) return;
    const { see } = this.#parts;
    const { log, volume } = engine.store;
    if (engine.locks.woundCount > 0) see("wound");
    if (log.durablePosition * volume.writeUnitBytes > log.ringBytes) see("ring-wrapped");
    if (engine.failure !== undefined && !isFault(engine.failure, "ERR_CLOSED")) see("store-failed");
  }

  #requireNothingLeft(): void {
    const { engine } = this;
    const { violated } = this.#parts;
    const left = {
      transactions: engine.openCount,
      "owners of locks": engine.locks.holderCount,
      "calls without an answer": this.#recorder?.openCount ?? 0,
    };
    for (const [what, count] of Object.entries(left)) {
      if (count > 0) violated(`at the end of life ${this.#parts.number} ${count} ${what} are left`);
    }
    if (!engine.locks.table.isEmpty) violated("locks are left over");
  }
}
