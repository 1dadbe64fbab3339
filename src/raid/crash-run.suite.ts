/**
 * Runs of a small array over volumes that remember everything, so that a crash can be tried at
 * every operation of every member, with members lost besides, and what is assembled then compared
 * with what may be there.
 *
 * A *moment* is the state of all members between two of their operations: how many events each had
 * seen. A block may hold, at a moment, the last version that was acknowledged as durable by then,
 * or any later one that was begun by then; nothing else, and never a mixture.
 */

import { equalBytes } from "../base/bytes.ts";
import { isFault, messageOf } from "../base/fault.ts";
import { SeededRandom } from "../base/random.ts";
import { type Crash, CrashImages } from "../volume/crash-images.ts";
import type { FaultPlan } from "../volume/fault-plan.ts";
import { FaultyVolume } from "../volume/faulty-volume.ts";
import type { PagedImage } from "../volume/paged-image.ts";
import { RecordingVolume } from "../volume/recording-volume.ts";
import type { Volume } from "../volume/volume.ts";
import { assembleArray, createArray, type RaidArray } from "./array.ts";
import { Geometry } from "./geometry.ts";
import type { AssembleOptions } from "./options.ts";
import {
  memoryMember,
  smallAssembly,
  smallOptions,
  type SmallShape,
  type TestWorld,
  testWorld,
} from "./test-array.suite.ts";

export type RunStep =
  | {
      readonly kind: "write";
      readonly at: number;
      readonly length: number;
      readonly value: number;
      readonly isDurable: boolean;
    }
  | { readonly kind: "trim"; readonly at: number; readonly length: number }
  | { readonly kind: "sync" }
  /** All at once; they must not touch the same blocks. */
  | { readonly kind: "together"; readonly steps: readonly RunStep[] }
  /** Whatever else can be done to an array; what it changes isn't its content. */
  | { readonly kind: "other"; readonly run: (run: CrashRun) => Promise<void> };

interface Version {
  readonly bytes: Uint8Array;
  readonly begun: number;
  durable: number;
  isTaken: boolean;
}

/** What each block may hold. */
export class BlockModel {
  readonly blockBytes: number;
  readonly #versions: Version[][];

  constructor(sizeBytes: number, blockBytes: number) {
    this.blockBytes = blockBytes;
    this.#versions = Array.from({ length: Math.ceil(sizeBytes / blockBytes) }, () => [
      { bytes: new Uint8Array(blockBytes), begun: 0, durable: 0, isTaken: true },
    ]);
  }

  get sizeBytes(): number {
    return this.#versions.length * this.blockBytes;
  }

  grow(sizeBytes: number): void {
    while (this.sizeBytes < sizeBytes) {
      const bytes = new Uint8Array(this.blockBytes);
      this.#versions.push([{ bytes, begun: 0, durable: 0, isTaken: true }]);
    }
  }

  /** The versions that a change of these bytes makes. */
  change(at: number, source: Uint8Array, begun: number): readonly Version[] {
    const made: Version[] = [];
    for (let done = 0; done < source.length;) {
      const block = Math.floor((at + done) / this.blockBytes);
      const offset = (at + done) % this.blockBytes;
      const count = Math.min(this.blockBytes - offset, source.length - done);
      const versions = this.#versions[block] ?? [];
      const bytes = (versions.at(-1)?.bytes ?? new Uint8Array(this.blockBytes)).slice();
      bytes.set(source.subarray(done, done + count), offset);
      const version = { bytes, begun, durable: Number.POSITIVE_INFINITY, isTaken: false };
      versions.push(version);
      made.push(version);
      done += count;
    }
    return made;
  }

  /** All versions that a sync beginning now covers. */
  taken(): readonly Version[] {
    return this.#versions.flatMap((versions) => versions.filter(({ isTaken }) => isTaken));
  }

  /** What the newest versions make together. */
  newest(): Uint8Array {
    const bytes = new Uint8Array(this.sizeBytes);
    for (const [block, versions] of this.#versions.entries()) {
      bytes.set(versions.at(-1)?.bytes ?? [], block * this.blockBytes);
    }
    return bytes;
  }

  /** Why the content can't be that at the moment, or undefined. */
  refute(content: Uint8Array, moment: number): string | undefined {
    for (const [block, versions] of this.#versions.entries()) {
      const at = block * this.blockBytes;
      const bytes = content.subarray(at, at + this.blockBytes);
      const floor = versions.findLastIndex(({ durable }) => durable <= moment);
      // It may not have been made so large yet.
      if (content.length <= at && floor === 0) continue;
      const legal = versions.slice(floor).filter(({ begun }) => begun <= moment);
      if (legal.some((version) => equalBytes(version.bytes, bytes))) continue;
      const older = versions.findIndex((version) => equalBytes(version.bytes, bytes));
      const found = older === -1 ? "nothing that was ever written" : `version ${older}`;
      return `block ${block} holds ${found}, and should hold ${floor} to ${versions.length - 1}`;
    }
    return undefined;
  }
}

/** What a run may have besides its shape. */
export interface RunExtras {
  readonly plan?: FaultPlan | undefined;
  /** Draws how long operations take, so that they end in another order than they began. */
  readonly delays?: SeededRandom | undefined;
  readonly options?: AssembleOptions;
  /** For each member what is written and not synced, beyond its image, as a cache would hold it. */
  readonly cached?: readonly (PagedImage | undefined)[];
}

/** A crash, with some members lost. */
export interface CrashPoint {
  readonly moment: number;
  readonly seed: number;
  readonly crash: Crash;
  /** Members that aren't there any more. */
  readonly lost: readonly number[];
}

export class CrashRun {
  readonly shape: SmallShape;
  readonly world: TestWorld;
  readonly recordings: RecordingVolume[];
  readonly model: BlockModel;
  /** For each moment the point of each member. */
  readonly moments: number[][] = [];
  readonly array: RaidArray;
  readonly #extras: RunExtras;
  /** By crash and member: images cost least one after the other. */
  readonly #images = new Map<string, CrashImages>();

  private constructor(
    shape: SmallShape,
    world: TestWorld,
    recordings: RecordingVolume[],
    array: RaidArray,
    extras: RunExtras,
  ) {
    this.shape = shape;
    this.world = world;
    this.recordings = recordings;
    this.array = array;
    this.#extras = extras;
    this.model = new BlockModel(array.sizeBytes, shape.blockBytes);
  }

  /** Creates an array; what happens from then on is recorded. Faults count from then on, too. */
  static async create(
    shape: SmallShape,
    sizeBytes: number,
    plan?: FaultPlan,
    delays?: SeededRandom,
  ): Promise<CrashRun> {
    const world = testWorld();
    const fresh = Array.from({ length: shape.memberCount }, (_, index) => memoryMember(index, 0));
    const created = await createArray(world, fresh, smallOptions(shape, sizeBytes));
    await created.close();
    const images = fresh.map(({ image }) => image);
    return await CrashRun.over(shape, world, images, { plan, delays });
  }

  /** Assembles an array from images; the assembly is recorded. */
  static async over(
    shape: SmallShape,
    world: TestWorld,
    images: readonly (PagedImage | undefined)[],
    extras: RunExtras = {},
  ): Promise<CrashRun> {
    const { plan, delays, cached, options = smallAssembly } = extras;
    const recordings: RecordingVolume[] = [];
    const moments: number[][] = [];
    for (const [index, image] of images.entries()) {
      recordings.push(recordingOf(index, image ?? 0, recordings, moments, delays));
    }
    for (const [index, image] of images.entries()) {
      const [recording, more] = [recordings[index], cached?.[index]];
      if (recording === undefined || image === undefined || more === undefined) continue;
      await writeCached(recording, image, more);
    }
    moments.splice(0, moments.length);
    const members = recordings
      .filter((_, index) => images[index] !== undefined)
      .map((recording) => faulty(recording, plan, world));
    const array = await assembleArray(world, members, options);
    const run = new CrashRun(shape, world, recordings, array, extras);
    run.moments.push(...moments);
    moments.splice(0, moments.length);
    for (const recording of recordings) recordingSinks.set(recording, run.moments);
    return run;
  }

  /** A fresh volume whose operations are part of the run. */
  addVolume(): Volume {
    const index = this.recordings.length;
    const { delays, plan } = this.#extras;
    const recording = recordingOf(index, 0, this.recordings, this.moments, delays);
    recordingSinks.set(recording, this.moments);
    this.recordings.push(recording);
    return faulty(recording, plan, this.world);
  }

  /** A recorded member, to be given to the array again. */
  againVolume(index: number): Volume {
    const recording = this.recordings[index];
    if (recording === undefined) throw new Error(`there is no member ${index}`);
    return faulty(recording, this.#extras.plan, this.world);
  }

  async run(steps: readonly RunStep[]): Promise<void> {
    for (const step of steps) await this.step(step);
  }

  async step(step: RunStep): Promise<void> {
    switch (step.kind) {
      case "write":
        await this.#write(step.at, pattern(step.length, step.value), step.isDurable);
        return;
      case "trim": {
        const versions = this.model.change(step.at, new Uint8Array(step.length), this.#now());
        await this.array.trim(step.at, step.length);
        for (const version of versions) version.isTaken = true;
        return;
      }
      case "sync": {
        const covered = this.model.taken();
        await this.array.sync();
        this.#acknowledge(covered);
        return;
      }
      case "together":
        await Promise.all(step.steps.map(async (one) => await this.step(one)));
        return;
      case "other":
        await step.run(this);
        return;
      default:
        return step satisfies never;
    }
  }

  /** Makes the array larger. */
  async grow(sizeBytes: number): Promise<void> {
    await this.array.grow(sizeBytes);
    this.model.grow(sizeBytes);
  }

  async content(): Promise<Uint8Array> {
    return await contentOf(this.array);
  }

  /** The images that the crash leaves; undefined of members that are lost. */
  images({ moment, seed, crash, lost }: CrashPoint): (PagedImage | undefined)[] {
    const points = this.moments[moment] ?? [];
    return this.recordings.map((recording, index) => {
      const point = points[index];
      if (lost.includes(index) || point === undefined) return undefined;
      return this.#imagesOf(recording, index, crash).after(point, seed + index);
    });
  }

  /** What is on the media for certain. */
  #synced({ moment, lost }: CrashPoint): (PagedImage | undefined)[] {
    const points = this.moments[moment] ?? [];
    return this.recordings.map((recording, index) => {
      const point = points[index];
      if (lost.includes(index) || point === undefined) return undefined;
      return this.#imagesOf(recording, index, "power").without(point);
    });
  }

  #imagesOf(recording: RecordingVolume, index: number, crash: Crash): CrashImages {
    const name = `${crash} ${index}`;
    const present = this.#images.get(name);
    if (present !== undefined) return present;
    const images = new CrashImages(recording, crash);
    this.#images.set(name, images);
    return images;
  }

  /** Assembles what the crash leaves; why that isn't right, or undefined. */
  async refute(point: CrashPoint): Promise<string | undefined> {
    const where = JSON.stringify(point);
    try {
      const world = testWorld(point.seed + 1000);
      const array = await this.#assemble(world, point);
      const content = await contentOf(array);
      const wrong = this.model.refute(content, point.moment) ?? (await refuteLater(array, content));
      return wrong === undefined ? undefined : `${where}: ${wrong}`;
    } catch (error) {
      return `${where}: ${messageOf(error)}`;
    }
  }

  /**
   * Assembles what the crash leaves, and lets it crash at every `stride`-th operation of that, with
   * members lost then. Once the content was seen, it stays what it was. What a process left that
   * was killed, and had not synced, the power may still take.
   */
  async refuteTwice(
    point: CrashPoint,
    stride: number,
    losses: readonly (readonly number[])[],
  ): Promise<string | undefined> {
    const world = testWorld(point.seed + 2000);
    const options = { ...smallAssembly, force: this.#isForced(point) };
    const left = this.images(point);
    const medium = point.crash === "power" ? left : this.#synced(point);
    const cached = point.crash === "power" ? [] : left;
    const second = await CrashRun.over(this.shape, world, medium, { options, cached });
    const seen = second.moments.length;
    const content = await second.content();
    const wrong = this.model.refute(content, point.moment);
    if (wrong !== undefined) return `${JSON.stringify(point)}: ${wrong}`;
    for (let moment = point.moment % stride; moment < second.moments.length; moment += stride) {
      const lost = losses[moment % losses.length] ?? [];
      const later = { moment, seed: moment, crash: "power", lost } as const;
      const found = await second.#contentAfter(later).catch(messageOf);
      const refuted =
        typeof found === "string" || moment < seen
          ? this.#refuteFound(found, point.moment)
          : equalBytes(found.subarray(0, content.length), content)
            ? undefined
            : "another content than was seen";
      if (refuted !== undefined) return `${JSON.stringify([point, later])}: ${refuted}`;
    }
    return undefined;
  }

  /** Of what was found in place of a content nothing else can be said. */
  #refuteFound(found: Uint8Array | string, moment: number): string | undefined {
    return typeof found === "string" ? found : this.model.refute(found, moment);
  }

  async #contentAfter(point: CrashPoint): Promise<Uint8Array> {
    return await contentOf(await this.#assemble(testWorld(point.seed + 3000), point));
  }

  /** It is forced only where it is refused otherwise, and may be. */
  async #assemble(world: TestWorld, point: CrashPoint): Promise<RaidArray> {
    const images = this.images(point);
    const assemble = async (force: boolean): Promise<RaidArray> => {
      const members = images.flatMap((image, index) =>
        image === undefined ? [] : [memoryMember(index, image.copy())],
      );
      return await assembleArray(world, members, { ...smallAssembly, force });
    };
    if (!this.#isForced(point)) return await assemble(false);
    try {
      return await assemble(false);
    } catch (error) {
      if (!isFault(error, "ERR_UNAVAILABLE")) throw error;
      return await assemble(true);
    }
  }

  /** Those that are left can't know whether the others went on by themselves. */
  #isForced({ lost }: CrashPoint): boolean {
    const { lossesMax, memberCount } = new Geometry({ ...this.shape, layout: "left-symmetric" });
    return memberCount - lossesMax <= lost.length;
  }

  async #write(at: number, source: Uint8Array, isDurable: boolean): Promise<void> {
    const versions = this.model.change(at, source, this.#now());
    if (isDurable) {
      await this.array.writeDurable(at, source);
      this.#acknowledge(versions);
    } else await this.array.write(at, source);
    for (const version of versions) version.isTaken = true;
  }

  #acknowledge(versions: readonly Version[]): void {
    const moment = this.#mark();
    for (const version of versions) version.durable = Math.min(version.durable, moment);
  }

  #now(): number {
    return this.moments.length;
  }

  #mark(): number {
    this.moments.push(this.recordings.map(({ point }) => point));
    return this.moments.length - 1;
  }
}

const recordingSinks = new WeakMap<RecordingVolume, number[][]>();

/** Notes a moment when an operation has begun, and so before and after every other one. */
function recordingOf(
  index: number,
  content: PagedImage | number,
  recordings: readonly RecordingVolume[],
  moments: number[][],
  delays?: SeededRandom,
): RecordingVolume {
  const recording: RecordingVolume = new RecordingVolume(
    content,
    { name: `disk${index}`, writeUnitBytes: 64 },
    async () => {
      const sink = recordingSinks.get(recording) ?? moments;
      sink.push(recordings.map(({ point }) => point));
      const turns = delays === undefined ? 1 : 1 + delays.below(12);
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    },
  );
  return recording;
}

/** Writes every sector in which the cache differs from the medium, and syncs none. */
async function writeCached(
  recording: RecordingVolume,
  medium: PagedImage,
  cache: PagedImage,
): Promise<void> {
  await recording.grow(cache.sizeBytes);
  const old = new Uint8Array(512);
  const seen = new Uint8Array(512);
  for (let at = 0; at < cache.sizeBytes; at += 512) {
    const length = Math.min(512, cache.sizeBytes - at);
    old.fill(0);
    if (at < medium.sizeBytes) {
      medium.read(at, old.subarray(0, Math.min(length, medium.sizeBytes - at)));
    }
    cache.read(at, seen.subarray(0, length));
    if (!equalBytes(old.subarray(0, length), seen.subarray(0, length))) {
      await recording.write(at, seen.slice(0, length));
    }
  }
}

function faulty(volume: Volume, plan: FaultPlan | undefined, world: TestWorld): Volume {
  if (plan === undefined) return volume;
  const random = new SeededRandom(3);
  return new FaultyVolume(volume, { plan, random, clock: world.clock, crash: () => undefined });
}

export async function contentOf(array: RaidArray): Promise<Uint8Array> {
  const bytes = new Uint8Array(array.sizeBytes);
  await array.read(0, bytes);
  return bytes;
}

/** Bytes that tell the write that they are of, and their place in it. */
export function pattern(length: number, value: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 6) * 13 + value) & 0xff);
}

/** What the array does by itself after its assembly changes no content, and leaves it sound. */
async function refuteLater(array: RaidArray, content: Uint8Array): Promise<string | undefined> {
  await array.settled();
  const later = (await contentOf(array)).subarray(0, content.length);
  if (!equalBytes(later, content)) return "another content after work in the background";
  const report = await array.scrub();
  if (report === undefined) return `no scrub: ${array.failure?.message ?? "stopped"}`;
  const { repaired, lostAt, parityRepaired } = report;
  const isSound = repaired === 0 && lostAt.length === 0 && parityRepaired === 0;
  return isSound ? undefined : `a scrub that found ${JSON.stringify(report)}`;
}

/** All choices of up to that many of `count` members. */
export function choices(count: number, most: number): readonly (readonly number[])[] {
  let found: (readonly number[])[] = [[]];
  const all: (readonly number[])[] = [[]];
  for (let size = 1; size <= most; size++) {
    found = found.flatMap((chosen) =>
      Array.from({ length: count }, (_, index) => index)
        .filter((index) => index > (chosen.at(-1) ?? -1))
        .map((index) => [...chosen, index]),
    );
    all.push(...found);
  }
  return all;
}

/** Steps drawn from a seed: writes long and short, trims, syncs. */
export function drawSteps(seed: number, count: number, sizeBytes: number): readonly RunStep[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, (_, index): RunStep => {
    const kind = random.below(10);
    if (kind === 2) return { kind: "together", steps: drawTogether(random, index, sizeBytes) };
    const longest = random.chance(30) ? sizeBytes : 200;
    const at = random.below(sizeBytes - 1);
    const length = 1 + random.below(Math.min(longest, sizeBytes - at));
    if (kind === 0) return { kind: "sync" };
    if (kind === 1) return { kind: "trim", at, length };
    return { kind: "write", at, length, value: index + 1, isDurable: random.chance(60) };
  });
}

/** No block is larger than this. */
const APART_BYTES = 512;

/** Writes that are as far apart as the largest blocks, so that they share rows and no blocks. */
function drawTogether(random: SeededRandom, index: number, sizeBytes: number): readonly RunStep[] {
  return Array.from({ length: sizeBytes / APART_BYTES }, (_, place) => {
    const offset = random.below(APART_BYTES - 1);
    const length = 1 + random.below(APART_BYTES - offset);
    const value = 100 + index * 8 + place;
    const isDurable = random.chance(60);
    return { kind: "write", at: place * APART_BYTES + offset, length, value, isDurable };
  });
}
