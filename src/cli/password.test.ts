import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readPassword, samePassword } from "./password.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-password-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function passwordFile(text: string, mode: number): string {
  const path = join(folder, "password");
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

test("the first line of the file is the password, and stronger than the variable", async () => {
  const file = passwordFile("p\u00e4ss word\nmore\n", 0o600);
  expect(await readPassword(file, { HOLDFAST_REQUIREPASS: "other" })).toBe("p\u00e4ss word");
  expect(await readPassword(undefined, { HOLDFAST_REQUIREPASS: "other" })).toBe("other");
  expect(await readPassword(undefined, {})).toBeUndefined();
});

test("a file that everyone may read is refused with the remedy", async () => {
  const file = passwordFile("secret", 0o644);
  await expect(readPassword(file, {})).rejects.toThrow(`chmod 600 ${file}`);
});

test("an empty password is none, and refused", async () => {
  await expect(readPassword(passwordFile("\nx", 0o600), {})).rejects.toThrow("no password");
  await expect(readPassword(undefined, { HOLDFAST_REQUIREPASS: "" })).rejects.toThrow("is empty");
  await expect(readPassword(join(folder, "none"), {})).rejects.toThrow("ENOENT");
});

test("passwords are compared whole", () => {
  expect(samePassword("secret", "secret")).toBe(true);
  expect(samePassword("secret", "secret ")).toBe(false);
  expect(samePassword("secret", "")).toBe(false);
});
