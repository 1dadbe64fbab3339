/**
 * Runs the transcripts of testdata/. A line that begins at the margin is a command, an indented
 * one what it gave; `vitest -u` writes them anew.
 *
 *     begin 1 2 3              owners, each as old as its number says: 1 is the oldest
 *     shared 1 apple           asks for a lock: of a key, or of a range as in [a,c) or [a,)
 *     exclusive 1 [a,c)
 *     cancel 1                 gives up the wait
 *     prepare 1
 *     release 1
 *     edges                    who waits for whom
 *     locks                    everything held and waited for
 *     holders apple
 *     conflicts shared apple   what a transaction of a single turn would be told
 */

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { unreachable } from "../base/assert.ts";
import { fromLatin1, hashBytes } from "../base/bytes.ts";
import { isFault } from "../base/fault.ts";
import { age } from "../base/ids.ts";
import type { LockEffect } from "./lock-effect.ts";
import type { LockMode } from "./lock-mode.ts";
import { type Owner, owner } from "./lock-owner.ts";
import type { LockRow } from "./lock-rows.ts";
import { LockTable } from "./lock-table.ts";
import type { LockTarget } from "./lock-target.ts";
import { findCycle } from "./waits-for.ts";

const folder = join(import.meta.dirname, "testdata");

for (const file of readdirSync(folder)) {
  test(file.replace(".txt", "").replaceAll("-", " "), async () => {
    const path = join(folder, file);
    await expect(transcript(readFileSync(path, "utf8"))).toMatchFileSnapshot(path);
  });
}

function transcript(script: string): string {
  const table = new LockTable({ locksPerTransactionMax: 3 });
  const lines = script.split("\n").filter((line) => line !== "" && !line.startsWith(" "));
  const printed = lines.flatMap((line) => {
    if (line.startsWith("#")) return [line];
    const output = run(table, line);
    expect(findCycle(table.waitsFor()), `after ${line}`).toBeUndefined();
    return [line, ...output.map((text) => `  ${text}`)];
  });
  return `${printed.join("\n")}\n`;
}

function run(table: LockTable, line: string): readonly string[] {
  const [command = "", first = "", second = ""] = line.split(" ");
  switch (command) {
    case "begin":
      for (const name of line.split(" ").slice(1)) table.begin(named(name), age(Number(name)));
      return [];
    case "shared":
    case "exclusive":
      return request(table, named(first), parseTarget(second), command);
    case "cancel":
      return table.cancel(named(first)).map(formatEffect);
    case "release":
      return table.release(named(first)).map(formatEffect);
    case "prepare":
      table.prepare(named(first));
      return [];
    case "edges":
      return table
        .waitsFor()
        .map((edge) => `${edge.waiter} waits for ${edge.blocker}, which ${edge.because}`);
    case "locks":
      return table.describe(100).map(formatRow);
    case "holders":
      return table.holders(first).map(formatRow);
    case "conflicts":
      return [conflicts(table, parseMode(first), parseTarget(second)) ? "yes" : "no"];
    default:
      throw new Error(`there is no command ${command}`);
  }
}

function request(
  table: LockTable,
  by: Owner,
  target: LockTarget,
  mode: LockMode,
): readonly string[] {
  try {
    return table.request(by, target, mode).map(formatEffect);
  } catch (error) {
    if (isFault(error)) return [`${error.code}: ${error.message}`];
    throw error;
  }
}

function conflicts(table: LockTable, mode: LockMode, target: LockTarget): boolean {
  if (target.kind === "range") {
    const end = target.end === undefined ? undefined : fromLatin1(target.end);
    return table.conflictsWithRange(fromLatin1(target.start), end, mode);
  }
  const key = fromLatin1(target.key);
  return table.conflictsWithKey(hashBytes(key, 0, key.length), key, 0, key.length, mode);
}

function named(name: string): Owner {
  return owner(Number(name));
}

function parseMode(text: string): LockMode {
  return text === "exclusive" ? "exclusive" : "shared";
}

function parseTarget(text: string): LockTarget {
  const range = /^\[([^,]*),([^)]*)\)$/u.exec(text);
  if (range === null) return { kind: "key", key: text };
  const [, start = "", end = ""] = range;
  return { kind: "range", start, end: end === "" ? undefined : end };
}

function formatTarget(target: LockTarget): string {
  return target.kind === "key" ? target.key : `[${target.start},${target.end ?? ""})`;
}

function formatEffect(effect: LockEffect): string {
  switch (effect.kind) {
    case "granted":
    case "waiting":
      return effect.kind;
    case "wound":
      return (
        `wound ${effect.victim} by ${effect.by} for ${effect.mode} ` + formatTarget(effect.target)
      );
    case "grant":
      return `grant ${effect.owner}`;
    default:
      return unreachable(effect);
  }
}

function formatRow(row: LockRow): string {
  const flags = `${row.prepared ? " prepared" : ""}${row.wounded ? " wounded" : ""}`;
  return `${row.owner}${flags} ${row.state} ${row.mode} ${formatTarget(row.target)}`;
}
