/**
 * Arrays as programs of major version 1 left them, cut off from their power while they were written
 * to: testdata/raid-version-1/make.ts made them. Their journals hold whole rows with their parity.
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import type { BlockModel } from "../../src/raid/crash-run.suite.ts";
import { pattern } from "../../src/raid/crash-run.suite.ts";
import { SUPERBLOCK_BYTES } from "../../src/raid/member-layout.ts";
import type { SmallShape } from "../../src/raid/test-array.suite.ts";

interface Write {
  readonly at: number;
  readonly length: number;
  readonly value: number;
}

export interface VersionOneArray {
  /** What was being done to it. */
  readonly title: "whole" | "degraded" | "rebuilding" | "growing";
  readonly shape: SmallShape;
  /** How many are in the journal from its start. */
  readonly batches: number;
  /** What was written, one after the other, as durable; and what nobody was told of yet. */
  readonly acknowledged: readonly Write[];
  readonly underWay: readonly Write[];
  /** By their numbers; undefined of one that is gone. */
  readonly members: readonly (Uint8Array | undefined)[];
}

export function versionOneArrays(): readonly VersionOneArray[] {
  const path = fileURLToPath(new URL("../testdata/raid-version-1/arrays.br", import.meta.url));
  const bytes = new Uint8Array(brotliDecompressSync(readFileSync(path)));
  const headerEnd = bytes.indexOf(0x0a);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(0, headerEnd))) as (Omit<
    VersionOneArray,
    "members"
  > & { readonly memberBytes: readonly number[] })[];
  let at = headerEnd + 1;
  return header.map(({ memberBytes, ...array }) => {
    const members = memberBytes.map((length) => {
      at += length;
      return length === 0 ? undefined : bytes.slice(at - length, at);
    });
    return { ...array, members };
  });
}

/** Tells the model what the array may hold. */
export function expectWritten(model: BlockModel, array: VersionOneArray): void {
  for (const { at, length, value } of array.acknowledged) {
    for (const version of model.change(at, pattern(length, value), 0)) version.durable = 0;
  }
  for (const { at, length, value } of array.underWay) model.change(at, pattern(length, value), 0);
}

/** The major versions of both copies of a member's superblock. */
export function majorVersionsOf(member: Uint8Array): readonly number[] {
  const view = new DataView(member.buffer, member.byteOffset);
  return [0, 1].map((copy) => view.getUint16(copy * SUPERBLOCK_BYTES + 16, true));
}
