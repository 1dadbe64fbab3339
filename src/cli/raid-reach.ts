/**
 * The array that a command is about: by the control socket of the process that has it, or, where
 * nobody has, assembled by the command itself for as long as it takes.
 */

import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connectToHolder, type ControlConnection } from "../arrays/control-connection.ts";
import type { ControlRequest } from "../arrays/control-request.ts";
import type { DiskArrayStatus } from "../arrays/disk-array.ts";
import { assembleDisks } from "../arrays/open-disk-array.ts";
import { Fault, isFault } from "../base/fault.ts";
import type { JobProgress } from "../raid/progress.ts";
import type { World } from "../world/world.ts";
import { ArrayNotes } from "./array-notes.ts";
import type { CommandIo } from "./command-io.ts";
import type { Progress } from "./progress.ts";
import { closestTo } from "../base/suggest.ts";
import { version } from "./version.ts";

export interface ReachedArray {
  /** Whether another process has it, which goes on when this one ends. */
  readonly isLive: boolean;
  ask(request: ControlRequest): Promise<unknown>;
  status(): Promise<DiskArrayStatus>;
  close(): Promise<void>;
}

const POLL_INTERVAL_MS = 100;
const PROGRAM: string = `holdfast raid ${version}`;

/** Asks the holder of any of the files; assembles them if there is none. */
export async function reachArray(
  world: World,
  paths: readonly string[],
  io: CommandIo,
  force = false,
): Promise<ReachedArray> {
  const live = await reachHolder(world, paths);
  if (live !== undefined) return live;
  const notes = new ArrayNotes(io);
  const options = { program: PROGRAM, force, onEvent: notes.hear };
  const array = await assembleDisks(world, paths, options);
  for (const risk of array.volume.risks) io.note(`forced: ${risk}`);
  return {
    isLive: false,
    ask: async (request) => await explained(array.perform(request)),
    status: async () => await Promise.resolve(array.status()),
    close: async () => {
      await array.close();
      notes.sumUp();
    },
  };
}

/** Undefined if nobody has any of the files, or who has them can't be asked. */
export async function reachHolder(
  world: World,
  paths: readonly string[],
): Promise<ReachedArray | undefined> {
  for (const path of paths) {
    const connection = await connectToHolder(world, path);
    if (connection === undefined) continue;
    try {
      await connection.ask({ command: "status" });
      return overConnection(connection);
    } catch (error) {
      connection.close();
      // It is locked by somebody who has no array: the attempt to lock it will say by whom.
      if (!isFault(error, "ERR_LOCKED")) throw error;
    }
  }
  return undefined;
}

function overConnection(connection: ControlConnection): ReachedArray {
  return {
    isLive: true,
    ask: async (request) => await explained(connection.ask(request)),
    status: async () => (await connection.ask({ command: "status" })) as DiskArrayStatus,
    close: async () => await Promise.resolve(connection.close()),
  };
}

/** Says which member was probably meant by a path that is none. */
async function explained(asked: Promise<unknown>): Promise<unknown> {
  try {
    return await asked;
  } catch (error) {
    if (!isFault(error, "ERR_ARGUMENT")) throw error;
    const { path, members } = error.details;
    if (typeof path !== "string" || !Array.isArray(members)) throw error;
    const paths = members as readonly string[];
    const name = closestTo(
      basename(path),
      paths.map((member) => basename(member)),
    );
    const meant = paths.find((member) => basename(member) === name);
    if (meant === undefined) throw error;
    const message = `${error.message} (did you mean "${meant}"?)`;
    throw new Fault(error.code, message, error.details, error);
  }
}

export interface Followed<T> {
  /** Undefined if the user interrupted it. */
  readonly result: T | undefined;
  readonly wasInterrupted: boolean;
}

/** Shows how the work comes on until it ends, or until the user has seen enough. */
export async function follow<T>(
  array: ReachedArray,
  work: Promise<T>,
  io: CommandIo,
): Promise<Followed<T>> {
  const shown = new JobReport(io);
  const { signal } = io;
  const ended = work.then((result) => ({ result, wasInterrupted: false }));
  // Whoever interrupts it doesn't hear of its end.
  ended.catch(() => undefined);
  try {
    for (;;) {
      const outcome = await Promise.race([ended, sleep(POLL_INTERVAL_MS)]);
      if (outcome !== undefined) return outcome;
      if (signal.aborted) return { result: undefined, wasInterrupted: true };
      shown.update((await array.status()).job);
    }
  } finally {
    shown.finish();
  }
}

/** One report after the other, as one job follows another. */
class JobReport {
  readonly #io: CommandIo;
  #job: JobProgress | undefined;
  #progress: Progress | undefined;

  constructor(io: CommandIo) {
    this.#io = io;
  }

  update(job: JobProgress | undefined): void {
    if (job?.kind !== this.#job?.kind || job?.member !== this.#job?.member) {
      this.finish();
      if (job !== undefined) this.#progress = this.#begin(job);
    }
    this.#job = job;
    if (job !== undefined) this.#progress?.update(job.doneBytes);
  }

  finish(): void {
    this.#progress?.finish();
    this.#progress = undefined;
  }

  #begin({ kind, doneBytes, totalBytes }: JobProgress): Progress {
    const title = { rebuild: "rebuilding", replace: "replacing", scrub: "scrubbing" };
    return this.#io.progress({
      title: kind === "reshape" ? "growing" : title[kind],
      total: totalBytes,
      unit: "bytes",
      doneBefore: doneBytes,
    });
  }
}
