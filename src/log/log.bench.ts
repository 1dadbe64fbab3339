/**
 * What the log costs with entries of 150 bytes: `npx vitest bench src/log`. Multiply by the number
 * of entries, or of megabytes, in the name.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, bench, describe } from "vitest";
import { generation, viewNumber } from "../base/ids.ts";
import { hostWorld } from "../host/world.ts";
import { createFileVolume } from "../volume/file-volume.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { Volume } from "../volume/volume.ts";
import { raiseGeneration } from "./generations.ts";
import { Log } from "./log.ts";
import { type LogDescription, recoverLog } from "./recovery.ts";
import { firstSuperblock, type Geometry, volumeBytesOf } from "./test-store.suite.ts";

const GEOMETRY: Geometry = { unitBytes: 4096, ringUnits: 65_536, arenaBytes: 8 << 20 };
const BODY_BYTES = 150;

const world = hostWorld();
const { checksums } = world;
const directory = mkdtempSync(join(tmpdir(), "holdfast-log-bench-"));
const path = join(directory, "volume");
const file = await createFileVolume(world.files, path, volumeBytesOf(GEOMETRY));
const memory = new MemoryVolume(volumeBytesOf(GEOMETRY));

afterAll(async () => {
  await file.close();
  rmSync(directory, { recursive: true });
});

class Writer {
  readonly volume: Volume;
  readonly description: LogDescription;
  readonly #log: Log;
  readonly #arena: Uint8Array;
  readonly #body: Uint8Array = new Uint8Array(BODY_BYTES).fill(7);

  private constructor(volume: Volume, description: LogDescription, log: Log, arena: Uint8Array) {
    this.volume = volume;
    this.description = description;
    this.#log = log;
    this.#arena = arena;
  }

  static async open(volume: Volume): Promise<Writer> {
    const first = firstSuperblock(GEOMETRY);
    const recovered = await recoverLog(volume, checksums, first, () => undefined);
    const arena = new Uint8Array(GEOMETRY.arenaBytes);
    const log = new Log({
      volume,
      clock: world.clock,
      checksums,
      volumeId: first.volumeId,
      generation: generation(2),
      view: viewNumber(1),
      arena: { bytes: arena, at: 0, lengthBytes: arena.length },
      recovered,
    });
    const generations = raiseGeneration(first.generations, recovered.end.batch);
    return new Writer(volume, { ...first, generations }, log, arena);
  }

  /** Appends so many entries in one turn; resolves when the last one is durable. */
  async append(count: number): Promise<void> {
    const log = this.#log;
    if (log.usedBytes > log.ringBytes / 2) log.truncate(log.anchorAfter(log.durableLsn));
    for (let index = 0; index < count; index++) {
      if (!log.room(BODY_BYTES, false)) throw new Error("a turn's entries fit");
      this.#arena.set(this.#body, log.bodyAt);
      log.append(1, BODY_BYTES);
    }
    const last = log.appendedLsn;
    await new Promise<void>((resolve) => {
      const stop = log.onDurable((durable) => {
        if (durable < last) return;
        stop();
        resolve();
      });
    });
  }

  /** Fills 100 MB of the ring, from its beginning. */
  async fill(): Promise<void> {
    while (this.#log.usedBytes < 100e6) await this.append(500);
  }
}

describe("append, and wait until it is durable", async () => {
  const inMemory = await Writer.open(memory);
  const onDisk = await Writer.open(file);
  for (const count of [1, 50, 800, 20_000]) {
    bench(`memory: ${count} entries`, async () => await inMemory.append(count));
    bench(`file: ${count} entries`, async () => await onDisk.append(count));
  }
});

describe("recover", async () => {
  const path2 = join(directory, "recovered");
  const volume = await createFileVolume(world.files, path2, volumeBytesOf(GEOMETRY));
  bench("search 268 MB for later batches", async () => {
    await recoverLog(volume, checksums, firstSuperblock(GEOMETRY), () => undefined);
  });

  const full = await createFileVolume(world.files, `${path2}-full`, volumeBytesOf(GEOMETRY));
  const writer = await Writer.open(full);
  await writer.fill();
  let bytes = 0;
  bench("replay 100 MB, and search 168 MB", async () => {
    await recoverLog(full, checksums, writer.description, (entry) => {
      bytes += entry.bodyBytes;
      return undefined;
    });
    if (bytes === 0) throw new Error("entries were visited");
  });
});
