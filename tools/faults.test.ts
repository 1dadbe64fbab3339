import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

interface Named {
  readonly path: string;
  readonly title: string;
}

function namedTests(): readonly Named[] {
  const page = readFileSync(`${root}/docs/faults.md`, "utf8");
  const found = [...page.matchAll(/`([^`\s]+\.test\.ts)` "([^"]+)"/gu)];
  return found.map((match) => ({ path: match[1] ?? "", title: match[2] ?? "" }));
}

test("every test that the page of faults names exists", () => {
  const named = namedTests();
  expect(named.length).toBeGreaterThan(20);
  for (const { path, title } of named) {
    expect(readFileSync(`${root}/${path}`, "utf8"), path).toContain(title);
  }
});
