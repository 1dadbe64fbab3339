/**
 * What an array does by itself, one thing after the other: moving stripes to a new layout,
 * rebuilding members, replacing them, scrubbing. What is to be done is in the record, so that it is
 * resumed by whoever assembles the array next, from the last position that was made durable.
 */

import { isFault, messageOf } from "../base/fault.ts";
import type { ArrayParts } from "./array-parts.ts";
import { type Job, JobStopped } from "./job.ts";
import type { Membership } from "./membership.ts";
import type { JobProgress } from "./progress.ts";
import { rebuildJob, replaceJob } from "./rebuild.ts";
import { reshapeJob } from "./reshape.ts";
import { scrubJob } from "./scrub.ts";
import type { ScrubReport } from "./scrubber.ts";

export class Background {
  readonly #parts: ArrayParts;
  readonly #membership: Membership;
  #job: Job | undefined;
  #running: Promise<void> | undefined;
  #isStopping = false;
  /** Whether there may be something to do that the last look did not see. */
  #isAsked = false;
  #scrubbed: ((report: ScrubReport | undefined) => void)[] = [];

  constructor(parts: ArrayParts, membership: Membership) {
    this.#parts = parts;
    this.#membership = membership;
    parts.members.onLoss = (role) => {
      parts.lostMs.set(role, parts.core.world.clock.monotonicMs());
      this.begin();
    };
  }

  get progress(): JobProgress | undefined {
    return this.#job?.meter.progress();
  }

  /** Begins what is to be done, if nothing is under way. */
  begin(): void {
    if (this.#isStopping || this.#parts.members.failure !== undefined) return;
    this.#isAsked = true;
    this.#running ??= this.#run();
  }

  /** Resolves when there is nothing left to do. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Resolves when the scrub that is recorded is done; undefined if it was stopped. */
  async scrubbed(): Promise<ScrubReport | undefined> {
    if (this.#isStopping) return undefined;
    this.#parts.members.check();
    return await new Promise((resolve) => {
      this.#scrubbed.push(resolve);
      this.begin();
    });
  }

  /** Stops after the window that is under way. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#job?.stop();
    await this.idle();
  }

  async #run(): Promise<void> {
    const { members } = this.#parts;
    const { world } = this.#parts.core;
    try {
      // Whoever began this may still have something to record first.
      await members.settled();
      while (this.#isAsked && !this.#isStopping) {
        this.#isAsked = false;
        const job = await this.#next();
        if (job === undefined) continue;
        this.#job = job;
        this.#isAsked = true;
        await this.#perform(job);
      }
    } catch (error) {
      const isExpected = members.failure !== undefined || isFault(error);
      if (!isExpected) members.stop(error);
      world.trace.event("raid.background-stopped", { why: messageOf(error) });
    }
    this.#job = undefined;
    this.#running = undefined;
    for (const tell of this.#scrubbed.splice(0)) tell(undefined);
  }

  async #perform(job: Job): Promise<void> {
    const { trace } = this.#parts.core.world;
    const { kind, member } = job.meter.progress();
    trace.event("raid.job-began", { kind, member });
    try {
      const report = await job.run();
      trace.event("raid.job-ended", { kind, member });
      if (kind !== "scrub") return;
      for (const tell of this.#scrubbed.splice(0)) tell(report ?? undefined);
    } catch (error) {
      // The member that it was about is gone, or the array is closed: what comes next is seen then.
      if (!(error instanceof JobStopped)) throw error;
    }
  }

  async #next(): Promise<Job | undefined> {
    const { members, core, options } = this.#parts;
    const membership = this.#membership;
    if (core.shape.isReshaping) {
      return reshapeJob(this.#parts, async (run) => await membership.alone(run));
    }
    while (options.background.takesSpares && (await this.#membership.takeSpare()));
    const rebuilding = members.record.roles.findIndex(({ state }) => state === "rebuilding");
    if (rebuilding !== -1) return await rebuildJob(this.#parts, rebuilding);
    const replaced = members.seats.findIndex(({ replacement }) => replacement !== undefined);
    if (replaced !== -1) return await replaceJob(this.#parts, replaced);
    if (members.record.scrubRow !== undefined) return scrubJob(this.#parts);
    return undefined;
  }
}
