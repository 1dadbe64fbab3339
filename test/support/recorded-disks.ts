/**
 * The disks of a run, which remember everything, so that a crash can be tried at every point of
 * it. With one disk a point is an event of it. With several it is a moment: how many events each
 * had seen when an operation of one of them had begun.
 */

import { type Crash, CrashImages } from "../../src/volume/crash-images.ts";
import { type HoldUp, RecordingVolume } from "../../src/volume/recording-volume.ts";
import type { Ground, Images } from "./ground.ts";

/** The crash images of a run; points that are asked for in ascending order cost least. */
export interface CrashedDisks {
  after(point: number, variant: number): Images;
}

export class RecordedDisks {
  readonly recordings: readonly RecordingVolume[];
  /** For each moment the point of each disk; undefined where there is but one. */
  readonly #moments: number[][] | undefined;

  constructor(ground: Ground, images: Images, holdUp: HoldUp) {
    const moments: number[][] = [];
    const recordings: RecordingVolume[] = [];
    for (const [index, image] of images.entries()) {
      const options = { name: ground.disks[index] ?? `disk${index}`, writeUnitBytes: 4096 };
      const noteAndHold: HoldUp = async () => {
        moments.push(recordings.map(({ point }) => point));
        await holdUp();
      };
      recordings.push(new RecordingVolume(image, options, noteAndHold));
    }
    this.recordings = recordings;
    this.#moments = recordings.length === 1 ? undefined : moments;
  }

  /** The present one, and so how many there were. */
  get point(): number {
    return this.#moments?.length ?? this.recordings[0]?.point ?? 0;
  }

  /** How many operations there were. */
  get operationCount(): number {
    return this.#moments === undefined ? this.point / 2 : this.point;
  }

  crashes(crash: Crash): CrashedDisks {
    const images = this.recordings.map((recording) => new CrashImages(recording, crash));
    return {
      after: (point, variant) => {
        const points = this.#pointsAt(point);
        return images.map((one, index) => one.after(points[index] ?? 0, variant + index));
      },
    };
  }

  #pointsAt(point: number): readonly number[] {
    if (this.#moments === undefined) return [point];
    return this.#moments[point] ?? this.recordings.map((recording) => recording.point);
  }
}

/**
 * The disks of a killed process: what it wrote and no sync has covered is in memory only, and a
 * loss of power may still take it.
 */
export async function inPageCaches(
  ground: Ground,
  mediums: Images,
  caches: Images,
): Promise<RecordedDisks> {
  const disks = new RecordedDisks(
    ground,
    mediums.map((medium) => medium.copy()),
    aMicrotask,
  );
  for (const [index, recording] of disks.recordings.entries()) {
    const [medium, cache] = [mediums[index], caches[index]];
    if (medium === undefined || cache === undefined) continue;
    await recording.grow(cache.sizeBytes);
    const old = new Uint8Array(SECTOR_BYTES);
    const seen = new Uint8Array(SECTOR_BYTES);
    for (let at = 0; at < cache.sizeBytes; at += SECTOR_BYTES) {
      old.fill(0);
      medium.read(at, old);
      cache.read(at, seen);
      const isSame = old.every((byte, place) => byte === seen[place]);
      if (!isSame) await recording.write(at, seen.slice());
    }
  }
  return disks;
}

const SECTOR_BYTES = 512;

const aMicrotask: HoldUp = async () => {
  await Promise.resolve();
};
