import { mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { fileName } from "./file-name.ts";

test("a file has one name, whether it is there or not, and however it is reached", () => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "holdfast-name-")));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "file");
  const link = join(directory, "link");
  symlinkSync(directory, join(directory, "loop"));
  symlinkSync(path, link);
  expect(fileName(relative(process.cwd(), path))).toBe(path);
  expect(fileName(join(directory, "loop", "file"))).toBe(path);
  writeFileSync(path, "");
  expect(fileName(link)).toBe(path);
  expect(fileName(join(directory, "none", "..", "file"))).toBe(path);
  expect(fileName(join(directory, "no", "where"))).toBe(join(directory, "no", "where"));
});
