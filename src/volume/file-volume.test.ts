import { mkdtemp, readdir, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Fault, isFault } from "../base/fault.ts";
import { HostFiles } from "../host/host-files.ts";
import type { File, Files } from "../world/files.ts";
import { createFileVolume, openFileVolume } from "./file-volume.ts";
import { testVolume, testVolumeFailure } from "./volume.suite.ts";

const files = new HostFiles();
let directory = "";
let made = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-volume-"));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

function nextPath(): string {
  return join(directory, `volume-${made++}`);
}

testVolume("a file of the host", async () => {
  const path = nextPath();
  const volume = await createFileVolume(files, path, 65_536);
  const reopen = async () => {
    await volume.close();
    return await openFileVolume(files, path);
  };
  return { volume, reopen };
});

testVolumeFailure("a file of the host", async () => {
  const failing = new OnceFailing();
  const path = nextPath();
  await (await createFileVolume(files, path, 65_536)).close();
  const volume = await openFileVolume(failing.files, path);
  return { volume, fail: (code) => (failing.next = new Fault(code, "the disk is gone")) };
});

test("a new volume tells its progress, in steps of a mebibyte", async () => {
  const told: number[] = [];
  const volume = await createFileVolume(files, nextPath(), 5 << 19, (done) => told.push(done));
  expect(told).toEqual([1 << 20, 1 << 21, 5 << 19]);
  expect(volume.sizeBytes).toBe(5 << 19);
  await volume.close();
});

test("a volume is never made over another file", async () => {
  const path = nextPath();
  await (await createFileVolume(files, path, 8192)).close();
  const outcome: unknown = await createFileVolume(files, path, 4096).catch((e: unknown) => e);
  expect(isFault(outcome, "ERR_ARGUMENT")).toBe(true);
  const volume = await openFileVolume(files, path);
  expect(volume.sizeBytes).toBe(8192);
  await volume.close();
  expect((await readdir(directory)).filter((name) => name.endsWith(".new"))).toEqual([]);
});

test("a file that somebody cut is a fault, not silence", async () => {
  const path = nextPath();
  const volume = await createFileVolume(files, path, 8192);
  await truncate(path, 4096);
  const outcome: unknown = await volume.read(0, new Uint8Array(8192)).catch((e: unknown) => e);
  expect(isFault(outcome, "ERR_IO")).toBe(true);
  await volume.close();
});

test("growth without room fails nothing and gives back what it took", async () => {
  const failing = new OnceFailing();
  const path = nextPath();
  await (await createFileVolume(files, path, 8192)).close();
  const volume = await openFileVolume(failing.files, path);
  failing.writesBefore = 1;
  failing.next = new Fault("ERR_FULL", "no room");
  const outcome: unknown = await volume.grow(3 << 20).catch((e: unknown) => e);
  expect(isFault(outcome, "ERR_FULL")).toBe(true);
  expect(volume.failure).toBeUndefined();
  expect(volume.sizeBytes).toBe(8192);
  const file = await files.open(path, "read");
  expect(await file.sizeBytes()).toBe(8192);
  await file.close();
  await volume.grow(16_384);
  expect(volume.sizeBytes).toBe(16_384);
  await volume.close();
});

test("growth of which the sync finds no room leaves in doubt what was written before", async () => {
  const failing = new OnceFailing();
  const path = nextPath();
  await (await createFileVolume(files, path, 8192)).close();
  const volume = await openFileVolume(failing.files, path);
  await volume.write(0, new Uint8Array(4096).fill(1));
  failing.writesBefore = 1;
  failing.next = new Fault("ERR_FULL", "no room");
  const outcome: unknown = await volume.grow(16_384).catch((e: unknown) => e);
  expect(isFault(outcome, "ERR_IO")).toBe(true);
  expect(await volume.sync().catch((e: unknown) => e)).toBe(outcome);
  expect(volume.sizeBytes).toBe(8192);
  await volume.close();
});

/** The host's files, of which one write or sync fails. */
class OnceFailing {
  next: Fault | undefined;
  writesBefore = 0;

  get files(): Files {
    const open = async (path: string, mode: "read" | "write" | "create"): Promise<File> => {
      const file = await files.open(path, mode);
      return {
        sizeBytes: async () => await file.sizeBytes(),
        read: async (at, target) => await file.read(at, target),
        write: async (at, source) => {
          this.#failOnce();
          await file.write(at, source);
        },
        writeDurable: async (at, source) => {
          this.#failOnce();
          await file.writeDurable(at, source);
        },
        writeDurableNow: (at, source) => {
          this.#failOnce();
          file.writeDurableNow(at, source);
        },
        sync: async () => {
          this.#failOnce();
          await file.sync();
        },
        truncate: async (sizeBytes) => await file.truncate(sizeBytes),
        close: async () => await file.close(),
      };
    };
    return Object.assign(Object.create(files) as Files, { open });
  }

  #failOnce(): void {
    if (this.next === undefined || 0 < this.writesBefore--) return;
    const fault = this.next;
    this.next = undefined;
    throw fault;
  }
}
