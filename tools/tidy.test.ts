import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { layers } from "./layers.ts";
import { readSources, type Source, tidy } from "./tidy.ts";

const HEADER = "/** Says what it is for. */\n";
// In two pieces, so that this file itself is tidy.
const MARKER = ["TO", "DO"].join("");

test("the tree is tidy", () => {
  const sources = readSources(fileURLToPath(new URL("..", import.meta.url)));
  expect(sources.length).toBeGreaterThan(10);
  expect(tidy(sources)).toEqual([]);
});

test("the layers form an order: no folder reaches itself through what it imports", () => {
  const visiting = new Set<string>();
  const visit = (entry: string): void => {
    // A single file that is allowed imports nothing above base, which the tree's check enforces.
    if (entry.includes("/")) return;
    expect(visiting, `${entry} imports itself in the end`).not.toContain(entry);
    visiting.add(entry);
    for (const below of layers[entry] ?? []) visit(below);
    visiting.delete(entry);
  };
  for (const folder of Object.keys(layers)) visit(folder);
});

test("what the layers name exists in the table", () => {
  for (const below of Object.values(layers).flat()) {
    expect(Object.keys(layers)).toContain(below.split("/")[0]);
  }
});

test.each<[string, Source, string]>([
  [
    "a file without a header",
    { path: "src/base/a.ts", text: "export {};\n" },
    "src/base/a.ts: begin with a comment that says what this file is for",
  ],
  [
    "a line that runs off the screen",
    { path: "src/base/a.ts", text: `${HEADER}// ${"x".repeat(100)}\n` },
    "src/base/a.ts:2: too long",
  ],
  [
    "an import upwards",
    { path: "src/base/a.ts", text: `${HEADER}import { b } from "../log/b.ts";\n` },
    "src/base/a.ts: src/base may not import src/log/b.ts",
  ],
  [
    "an import upwards that is hidden in a call",
    { path: "src/base/a.ts", text: `${HEADER}const b = await import("../log/b.ts");\n` },
    "src/base/a.ts: src/base may not import src/log/b.ts",
  ],
  [
    "more than the one file that is allowed",
    { path: "src/shadow/a.ts", text: `${HEADER}import { b } from "../transactions/b.ts";\n` },
    "src/shadow/a.ts: src/shadow may not import src/transactions/b.ts",
  ],
  [
    "a folder that is not in the table",
    { path: "src/attic/a.ts", text: HEADER },
    "src/attic/a.ts: src/attic is not in tools/layers.ts",
  ],
  [
    "a package in the core",
    { path: "src/log/a.ts", text: `${HEADER}import pino from "pino";\n` },
    "src/log/a.ts: src/log may not import the package pino",
  ],
  [
    "Node in the core",
    { path: "src/log/a.ts", text: `${HEADER}import { open } from "node:fs";\n` },
    "src/log/a.ts: only the world may touch node:fs",
  ],
  [
    "a clock in the core",
    { path: "src/log/a.ts", text: `${HEADER}const now = Date.now();\n` },
    "src/log/a.ts: only the world may touch Date.now",
  ],
  [
    "something left to be done",
    { path: "src/base/a.ts", text: `${HEADER}// ${MARKER}: later\n` },
    `src/base/a.ts: do it or leave it out, but leave no ${MARKER}`,
  ],
])("%s is found", (_name, source, offence) => {
  expect(tidy([source])).toEqual([offence]);
});

test.each<[string, Source]>([
  ["an import downwards", { path: "src/log/a.ts", text: `${HEADER}import "../base/b.ts";\n` }],
  [
    "the one file that is allowed",
    { path: "src/shadow/a.ts", text: `${HEADER}import { b } from "../transactions/step.ts";\n` },
  ],
  ["a clock in a comment", { path: "src/log/a.ts", text: `${HEADER}// Never Date.now().\n` }],
  ["a clock in the host", { path: "src/host/a.ts", text: `${HEADER}const now = Date.now();\n` }],
  ["a test", { path: "src/base/a.test.ts", text: `import { open } from "node:fs";\n` }],
])("%s is no offence", (_name, source) => {
  expect(tidy([source])).toEqual([]);
});
