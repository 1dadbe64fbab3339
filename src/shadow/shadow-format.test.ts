import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { latin1 } from "../base/bytes.ts";
import { plainChecksums } from "../base/checksums.ts";
import { Fault, isFault } from "../base/fault.ts";
import { lsn } from "../base/ids.ts";
import { putRow, type Row, type RowTree, visitRows } from "./row-tree.ts";
import { decodeShadow, encodeShadow } from "./shadow-format.ts";

const checksums = plainChecksums();
const sample = encodeShadow(
  {
    rows: treeOf([
      { key: text("a key"), value: text("a value"), version: lsn(3) },
      { key: Uint8Array.of(0x62, 0, 0x63), value: Uint8Array.of(0xff), version: lsn(7) },
      { key: text('c%"\\'), value: new Uint8Array(0), version: lsn(1) },
    ]),
    lsn: lsn(7),
  },
  checksums,
);

test("what is written is read", () => {
  const row = fc.record({
    key: fc.uint8Array({ maxLength: 6 }),
    value: fc.uint8Array({ maxLength: 12 }),
    version: fc.nat(99).map((number) => lsn(number)),
  });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 10 }), (rows) => {
      const tree = treeOf(rows);
      const bytes = encodeShadow({ rows: tree, lsn: lsn(99) }, checksums);
      const state = decodeShadow(bytes, "f", checksums);
      expect(state.lsn).toBe(99);
      expect(listOf(state.rows)).toEqual(listOf(tree));
    }),
    { seed: 1 },
  );
});

test("a person can read it", () => {
  expect(latin1(sample)).toMatchInlineSnapshot(`
    "{"format":"holdfast-shadow","version":1,"lsn":7,"rows":3,"crc":"4aed38c1"}
    ["a key","a value",3,"de9e75dc"]
    ["b%00c","%ff",7,"24ec419b"]
    ["c%25%22%5c","",1,"3b976d09"]
    {"checksum":"1891c99bd388ccc0"}
    "
  `);
});

describe("damage", () => {
  test("every truncation is found", () => {
    for (let length = 0; length < sample.length; length++) {
      expect(lineOf(sample.slice(0, length))).toBeGreaterThan(0);
    }
  });

  test("every flipped bit is found, and its line is named", () => {
    for (let bit = 0; bit < 8 * sample.length; bit++) {
      const flipped = sample.slice();
      const at = bit >> 3;
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit & 7));
      const line = latin1(sample.subarray(0, at)).split("\n").length;
      const isNewline = sample[at] === 10;
      // A line that lost its end takes the next one with it.
      expect(lineOf(flipped)).toBeLessThanOrEqual(isNewline ? 99 : line);
      expect(lineOf(flipped)).toBeGreaterThanOrEqual(flipped[at] === 10 ? 1 : line);
    }
  });

  test("lines that are good by themselves but not together", () => {
    const lines = latin1(sample).split("\n");
    const [header = "", first = "", second = "", third = "", checksum = ""] = lines;
    const swapped = [header, second, first, third, checksum, ""];
    expect(lineOf(text(swapped.join("\n")))).toBe(3);
    const doubled = [header, first, first, second, checksum, ""];
    expect(lineOf(text(doubled.join("\n")))).toBe(3);
    const missing = [header, first, second, checksum, ""];
    expect(lineOf(text(missing.join("\n")))).toBe(5);
    const more = [...lines.slice(0, 5), "{}", ""];
    expect(lineOf(text(more.join("\n")))).toBe(6);
  });

  test("a row of another file of this store, which is newer than the file", () => {
    const rows = treeOf([{ key: text("a"), value: text("b"), version: lsn(8) }]);
    expect(lineOf(encodeShadow({ rows, lsn: lsn(7) }, checksums))).toBe(2);
  });

  test("the file of a later version is told from damage", () => {
    const header = '{"format":"holdfast-shadow","version":2,"more":[]';
    const crc = checksums.crc32(text(header), 0).toString(16).padStart(8, "0");
    const later = text(`${header},"crc":"${crc}"}\n`);
    expect(codeOf(() => decodeShadow(later, "f", checksums))).toBe("ERR_FORMAT");
    const damaged = text(`${header},"crc":"00000000"}\n`);
    expect(codeOf(() => decodeShadow(damaged, "f", checksums))).toBe("ERR_CORRUPT");
  });
});

/** The line that is named in the refusal of the bytes. */
function lineOf(bytes: Uint8Array): number {
  try {
    decodeShadow(bytes, "f", checksums);
  } catch (error) {
    expect(error).toBeInstanceOf(Fault);
    if (isFault(error, "ERR_CORRUPT")) return Number(error.details["line"]);
  }
  return 0;
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return isFault(error) ? error.code : String(error);
  }
  return "nothing";
}

function text(letters: string): Uint8Array {
  return new TextEncoder().encode(letters);
}

function treeOf(rows: readonly Row[]): RowTree {
  return rows.reduce<RowTree>(putRow, undefined);
}

function listOf(tree: RowTree): readonly Row[] {
  const rows: Row[] = [];
  visitRows(tree, new Uint8Array(0), undefined, (row) => rows.push(row) > 0);
  return rows;
}
