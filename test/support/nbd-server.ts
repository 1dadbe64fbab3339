/**
 * A real NBD server: `./holdfast nbd` as a process of its own, on a free port and a socket, with
 * what it exports. Whatever a test leaves running is killed when it ends.
 */

import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hostWorld } from "../../src/host/world.ts";
import { createArray } from "../../src/raid/array.ts";
import type { RaidLevel } from "../../src/raid/geometry.ts";
import { defaultCreateOptions } from "../../src/raid/options.ts";
import { openFileVolume } from "../../src/volume/file-volume.ts";
import type { Volume } from "../../src/volume/volume.ts";
import { temporaryDirectory } from "./directories.ts";
import { collect, type Ended, endedEarly, firstLine, spawnHoldfast } from "./server.ts";

/** Something to export: the plain file, or the members of an array. */
export interface VolumeUnderTest {
  readonly name: string;
  /** Makes it in the directory, of this size at least; the paths that the command is given. */
  make(directory: string, sizeBytes: number): Promise<readonly string[]>;
}

export const plainFile: VolumeUnderTest = {
  name: "a plain file",
  make: async (directory, sizeBytes) => {
    const path = join(directory, "disk.img");
    makeFile(path, sizeBytes);
    return [path];
  },
};

/** An array of files, with a journal that is soon full. */
export function arrayOf(level: RaidLevel, memberCount: number): VolumeUnderTest {
  return {
    name: `RAID ${level} of ${memberCount} files`,
    make: async (directory, sizeBytes) => {
      const { files, clock, random, checksums, trace } = hostWorld();
      const paths = Array.from({ length: memberCount }, (_, role) => {
        return join(directory, `member-${role}.img`);
      });
      const members: Volume[] = [];
      for (const path of paths) {
        makeFile(path, sizeBytes + 2 * JOURNAL_BYTES);
        members.push(await openFileVolume(files, path));
      }
      const options = { ...defaultCreateOptions, level, journalBytes: JOURNAL_BYTES };
      const world = { clock, random, checksums, trace };
      await (await createArray(world, members, { ...options, sizeBytes })).close();
      return paths;
    },
  };
}

const JOURNAL_BYTES: number = 4 << 20;

interface Ready {
  readonly pid: number;
  readonly port: number;
}

export class NbdProcess {
  readonly directory: string;
  readonly socket: string;
  readonly #ready: Ready;
  readonly #child: ReturnType<typeof spawnHoldfast>;
  readonly #ended: Promise<Ended>;

  private constructor(
    directory: string,
    ready: Ready,
    child: ReturnType<typeof spawnHoldfast>,
    ended: Promise<Ended>,
  ) {
    this.directory = directory;
    this.socket = join(directory, "socket");
    this.#ready = ready;
    this.#child = child;
    this.#ended = ended;
  }

  /** Starts with what it is to export at the end of `args`. */
  static async start(
    args: readonly string[],
    directory: string = temporaryDirectory(),
  ): Promise<NbdProcess> {
    const where = ["--listen", "127.0.0.1:0", "--socket", join(directory, "socket")];
    const child = spawnHoldfast(["nbd", "--json", ...where, ...args], {});
    const ended = collect(child);
    const line = await Promise.race([firstLine(child), ended.then(endedEarly)]);
    const printed = JSON.parse(line) as Ready | Readonly<Record<"error", unknown>>;
    if ("error" in printed) return endedEarly(await ended);
    return new NbdProcess(directory, printed, child, ended);
  }

  /** Exports the volume, made for this, as `disk`. */
  static async exporting(
    volume: VolumeUnderTest,
    sizeBytes: number,
    flags: readonly string[] = [],
  ): Promise<NbdProcess> {
    const directory = temporaryDirectory();
    const members = await volume.make(directory, sizeBytes);
    return await NbdProcess.start([...flags, "--export", "disk", ...members], directory);
  }

  get port(): number {
    return this.#ready.port;
  }

  get pid(): number {
    return this.#ready.pid;
  }

  /** Where clients find the export. */
  url(name = "disk"): string {
    return `nbd://127.0.0.1:${this.port}/${name}`;
  }

  socketUrl(name = "disk"): string {
    return `nbd+unix:///${name}?socket=${this.socket}`;
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  async stop(): Promise<Ended> {
    this.#child.kill("SIGTERM");
    return await this.#ended;
  }
}

/** A file of zeroes. */
export function makeFile(path: string, sizeBytes: number): void {
  writeFileSync(path, "");
  truncateSync(path, sizeBytes);
}
