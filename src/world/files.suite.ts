/** What the files of every world must pass. */

import { describe, expect, test } from "vitest";
import { type FaultCode, isFault } from "../base/fault.ts";
import type { File } from "./files.ts";
import { joinPath } from "./paths.ts";
import type { RunInWorld } from "./world-under-test.ts";

export function testFiles(name: string, run: RunInWorld): void {
  describe(`files: ${name}`, () => {
    test("a file returns what was written, and less at its end", async () => {
      await run(async ({ world: { files }, directory }) => {
        const file = await files.open(joinPath(directory, "a"), "create");
        expect(await file.sizeBytes()).toBe(0);
        await file.write(0, bytes(10_000, 1));
        await file.writeDurable(4096, bytes(4096, 2));
        file.writeDurableNow(9000, bytes(2000, 3));
        await file.sync();
        expect(await file.sizeBytes()).toBe(11_000);
        expect(await read(file, 0, 4096)).toEqual(bytes(4096, 1));
        expect(await read(file, 4096, 4096)).toEqual(bytes(4096, 2));
        expect(await read(file, 9000, 9000)).toEqual(bytes(2000, 3));
        expect(await read(file, 11_000, 10)).toEqual(new Uint8Array(0));
        expect(await read(file, 20_000, 10)).toEqual(new Uint8Array(0));
        await file.close();
      });
    });

    test("a hole is zero, and so is what grows again after a cut", async () => {
      await run(async ({ world: { files }, directory }) => {
        const file = await files.open(joinPath(directory, "a"), "create");
        await file.write(5000, bytes(10, 1));
        expect(await read(file, 0, 5000)).toEqual(new Uint8Array(5000));
        await file.truncate(5005);
        await file.truncate(5020);
        const tail = new Uint8Array(20);
        tail.set(bytes(5, 1));
        expect(await read(file, 5000, 100)).toEqual(tail);
        await file.close();
      });
    });

    test("a file stays what it was when it is opened again, by the mode that fits", async () => {
      await run(async ({ world: { files }, directory }) => {
        const path = joinPath(directory, "a");
        await expectFault(files.open(path, "read"), "ERR_IO", "ENOENT");
        await expectFault(files.open(path, "write"), "ERR_IO", "ENOENT");
        const file = await files.open(path, "create");
        await file.write(0, bytes(10, 1));
        await file.close();
        await expectFault(files.open(path, "create"), "ERR_IO", "EEXIST");
        const reader = await files.open(path, "read");
        expect(await read(reader, 0, 20)).toEqual(bytes(10, 1));
        await expectFault(reader.write(0, bytes(1, 2)), "ERR_IO", "EBADF");
        await reader.close();
        const writer = await files.open(path, "write");
        await writer.write(10, bytes(1, 3));
        expect(await writer.sizeBytes()).toBe(11);
        await writer.close();
      });
    });

    test("a closed file refuses everything, and closes twice", async () => {
      await run(async ({ world: { files }, directory }) => {
        const file = await files.open(joinPath(directory, "a"), "create");
        const writing = file.write(0, bytes(100_000, 1));
        const closing = file.close();
        await writing;
        await closing;
        await file.close();
        for (const attempt of [
          file.read(0, new Uint8Array(1)),
          file.write(0, new Uint8Array(1)),
          file.writeDurable(0, new Uint8Array(1)),
          file.sync(),
          file.sizeBytes(),
          file.truncate(0),
        ]) {
          await expectFault(attempt, "ERR_CLOSED", undefined);
        }
        expect(() => file.writeDurableNow(0, new Uint8Array(1))).toThrow(/close|EBADF/);
      });
    });

    test("names are given, moved, doubled and taken away", async () => {
      await run(async ({ world: { files }, directory }) => {
        const path = (part: string): string => joinPath(directory, part);
        const file = await files.open(path("a"), "create");
        await file.write(0, bytes(3, 1));
        expect(await files.link(path("a"), path("b"))).toBe(true);
        expect(await files.link(path("a"), path("b"))).toBe(false);
        await files.rename(path("a"), path("c"));
        expect(await files.list(directory)).toEqual(["b", "c"]);
        expect(await files.kind(path("b"))).toBe("file");
        expect(await files.kind(path("a"))).toBeUndefined();
        expect(await files.freeBytes(path("b"))).toBeGreaterThan(0);
        await expect(files.freeBytes(path("a"))).rejects.toMatchObject({ code: "ERR_IO" });

        const other = await files.open(path("d"), "create");
        await other.close();
        await files.rename(path("d"), path("c"));
        expect(await files.list(directory)).toEqual(["b", "c"]);
        expect(await files.remove(path("b"))).toBe(true);
        expect(await files.remove(path("b"))).toBe(false);
        expect(await read(file, 0, 10)).toEqual(bytes(3, 1));
        await file.close();
        await files.syncDirectory(directory);
        await expectFault(files.rename(path("x"), path("y")), "ERR_IO", "ENOENT");
        await expectFault(files.link(path("x"), path("y")), "ERR_IO", "ENOENT");
      });
    });

    test("a durable write reaches the file whatever it is called by then", async () => {
      await run(async ({ world: { files }, directory }) => {
        const path = (part: string): string => joinPath(directory, part);
        const file = await files.open(path("a"), "create");
        await file.write(0, bytes(8192, 1));
        await files.rename(path("a"), path("b"));
        await (await files.open(path("a"), "create")).close();
        await file.writeDurable(0, bytes(4096, 2));
        file.writeDurableNow(4096, bytes(4096, 3));
        const again = await files.open(path("b"), "read");
        expect(await read(again, 0, 4096)).toEqual(bytes(4096, 2));
        expect(await read(again, 4096, 8192)).toEqual(bytes(4096, 3));
        await again.close();
        await file.close();
      });
    });

    test("durable writes of all sizes at once, each reaches its place", async () => {
      await run(async ({ world: { files }, directory }) => {
        const file = await files.open(joinPath(directory, "a"), "create");
        const lengths = [4096, 512, 8192, 4097, 65_536, 262_144, 266_240, 1_048_576, 4095, 4096];
        const pieces = [...lengths, ...lengths].map((length, index) => bytes(length, index + 1));
        const writes: Promise<void>[] = [];
        let at = 0;
        for (const [index, piece] of pieces.entries()) {
          const source = piece.slice();
          if (index % 3 === 2) file.writeDurableNow(at, source);
          else writes.push(file.writeDurable(at, source));
          at += Math.ceil(piece.length / 4096) * 4096;
        }
        await Promise.all(writes);
        at = 0;
        for (const piece of pieces) {
          const found = await read(file, at, piece.length);
          expect(found.every((byte, index) => byte === piece[index])).toBe(true);
          at += Math.ceil(piece.length / 4096) * 4096;
        }
        await file.close();
      });
    });

    test("directories are made with those above them, and listed in order", async () => {
      await run(async ({ world: { files }, directory }) => {
        const inner = joinPath(directory, "x/y");
        expect(await files.list(inner)).toBeUndefined();
        await files.makeDirectory(inner);
        await files.makeDirectory(inner);
        expect(await files.kind(inner)).toBe("directory");
        for (const part of ["b", "a", "B", "10", "9"]) {
          await (await files.open(joinPath(inner, part), "create")).close();
        }
        expect(await files.list(inner)).toEqual(["10", "9", "B", "a", "b"]);
        await files.syncDirectory(inner);
        const missing = joinPath(directory, "missing");
        await expectFault(files.syncDirectory(missing), "ERR_IO", "ENOENT");
        await expectFault(files.open(joinPath(missing, "a"), "create"), "ERR_IO", "ENOENT");
      });
    });
  });
}

async function expectFault(
  attempt: Promise<unknown>,
  code: FaultCode,
  errno: string | undefined,
): Promise<void> {
  const outcome: unknown = await attempt.catch((error: unknown) => error);
  if (!isFault(outcome)) return expect.fail(`${code} was expected, not ${String(outcome)}`);
  expect(outcome.code).toBe(code);
  if (errno !== undefined) expect(outcome.details["errno"]).toBe(errno);
}

async function read(file: File, at: number, length: number): Promise<Uint8Array> {
  const target = new Uint8Array(length);
  const count = await file.read(at, target);
  return target.subarray(0, count);
}

function bytes(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + seed) & 0xff);
}
