/**
 * The works that are measured on a volume, plain or array. Each is done for some seconds, or once
 * over its region, by so many at once as it says; what it reads was written before.
 */

import { randomBytes } from "node:crypto";
import type { Volume } from "../../src/volume/volume.ts";

export interface VolumeWork {
  readonly name: string;
  readonly unit: "MB/s" | "operations/s";
  readonly requestBytes: number;
  /** How many requests are under way at once. */
  readonly atOnce: number;
  readonly kind: "read" | "write" | "durable write";
  readonly order: "sequential" | "random";
  /** Whether it comes from the disk and not from the page cache. */
  readonly isCold: boolean;
}

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;

function work(
  order: VolumeWork["order"],
  kind: VolumeWork["kind"],
  requestBytes: number,
  atOnce: number,
): VolumeWork {
  const size =
    requestBytes < MEBIBYTE ? `${requestBytes / KIBIBYTE} KiB` : `${requestBytes / MEBIBYTE} MiB`;
  const name = `${order} ${kind} of ${size}, ${atOnce} at once`;
  const unit = order === "sequential" ? "MB/s" : "operations/s";
  return { name, unit, requestBytes, atOnce, kind, order, isCold: false };
}

function cold(one: VolumeWork): VolumeWork {
  return { ...one, name: `${one.name}, from the disk`, isCold: true };
}

/** Run first, while nothing of the volume was ever written; and again, to write over it. */
export const firstWrite: VolumeWork = work("sequential", "write", MEBIBYTE, 4);

/** Once over the region, since it is in the cache afterwards. */
export const coldRead: VolumeWork = cold(work("sequential", "read", MEBIBYTE, 4));
export const randomRead: VolumeWork = work("random", "read", 4 * KIBIBYTE, 16);
export const randomWrite: VolumeWork = work("random", "durable write", 4 * KIBIBYTE, 1);

export const laterWorks: readonly VolumeWork[] = [
  work("sequential", "write", 64 * KIBIBYTE, 4),
  work("sequential", "write", 4 * KIBIBYTE, 4),
  coldRead,
  work("sequential", "read", MEBIBYTE, 4),
  work("sequential", "read", 64 * KIBIBYTE, 4),
  work("sequential", "read", 4 * KIBIBYTE, 4),
  work("random", "read", MEBIBYTE, 4),
  work("random", "read", 64 * KIBIBYTE, 4),
  work("random", "read", 4 * KIBIBYTE, 1),
  randomRead,
  work("random", "durable write", MEBIBYTE, 1),
  work("random", "durable write", 64 * KIBIBYTE, 1),
  randomWrite,
  work("random", "durable write", 4 * KIBIBYTE, 16),
];

export const degradedWorks: readonly VolumeWork[] = laterWorks.filter(
  ({ kind, order }) => kind === "read" || order === "random",
);

const MS_PER_SECOND = 1_000;
const MEGABYTE = 1_000_000;

/**
 * Does the work within the first `bytes` of the volume, for about so long: megabytes or requests a
 * second. Sequential writes and cold reads end with the last byte even if there is time left, since
 * what follows would be another work: to write over what was written, to read from the cache.
 */
export async function measureWork(
  volume: Volume,
  one: VolumeWork,
  bytes: number,
  secondsMax: number,
): Promise<number> {
  const requestCount = Math.floor(bytes / one.requestBytes);
  const buffers = Array.from({ length: one.atOnce }, () => noise(one.requestBytes));
  const startedMs = performance.now();
  const endMs = startedMs + secondsMax * MS_PER_SECOND;
  let done = 0;
  let begun = 0;
  const client = async (buffer: Uint8Array): Promise<void> => {
    while (performance.now() < endMs) {
      if ((one.kind === "write" || one.isCold) && begun === requestCount) return;
      const index = one.order === "random" ? below(requestCount) : begun++ % requestCount;
      await request(volume, one, index * one.requestBytes, buffer);
      done++;
    }
  };
  await Promise.all(buffers.map(client));
  if (one.kind === "write") await volume.sync();
  const seconds = (performance.now() - startedMs) / MS_PER_SECOND;
  return one.unit === "MB/s" ? (done * one.requestBytes) / MEGABYTE / seconds : done / seconds;
}

async function request(
  volume: Volume,
  { kind }: VolumeWork,
  at: number,
  buffer: Uint8Array,
): Promise<void> {
  switch (kind) {
    case "read":
      await volume.read(at, buffer);
      break;
    case "write":
      await volume.write(at, buffer);
      break;
    case "durable write":
      await volume.writeDurable(at, buffer);
      break;
  }
}

function noise(length: number): Uint8Array {
  return new Uint8Array(randomBytes(length));
}

function below(limit: number): number {
  return Math.floor(Math.random() * limit);
}
