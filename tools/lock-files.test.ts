/**
 * Keeps the lock files whole: each names every package that another one brings along, also those
 * for other platforms. npm leaves out what the registry of the day does not hold, and `npm ci`
 * then refuses the file.
 */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

interface Locked {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

type Packages = Readonly<Record<string, Locked>>;

test.each(["package-lock.json", "bench/package-lock.json"])("%s names all packages", (file) => {
  const text = readFileSync(new URL(`../${file}`, import.meta.url), "utf8");
  const { packages } = JSON.parse(text) as { readonly packages: Packages };

  const wanted = Object.entries(packages).flatMap(([from, locked]) =>
    Object.keys({ ...locked.dependencies, ...locked.optionalDependencies }).map((name) => ({
      from,
      name,
    })),
  );
  expect(wanted).not.toEqual([]);
  expect(wanted.filter(({ from, name }) => !isFound(packages, from, name))).toEqual([]);
});

/** Whether the package at `from` finds `name`: among its own packages, or those further up. */
function isFound(packages: Packages, from: string, name: string): boolean {
  const path = from === "" ? `node_modules/${name}` : `${from}/node_modules/${name}`;
  if (packages[path] !== undefined) return true;
  if (from === "") return false;
  return isFound(packages, from.slice(0, Math.max(0, from.lastIndexOf("/node_modules/"))), name);
}
