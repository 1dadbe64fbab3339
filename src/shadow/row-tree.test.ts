import fc from "fast-check";
import { expect, test } from "vitest";
import { compareBytes } from "../base/bytes.ts";
import { lsn } from "../base/ids.ts";
import {
  countRows,
  findRow,
  putRow,
  rankOf,
  removeRow,
  type Row,
  type RowTree,
  visitRows,
  visitRowsBackward,
} from "./row-tree.ts";

const key = fc.array(fc.constantFrom(0, 1, 255), { maxLength: 3 }).map((at) => Uint8Array.from(at));
const change = fc.record({ key, put: fc.boolean() });

test("a tree is what a sorted list would be, and stays what it was when it changes", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 80 }), key, key, (changes, start, end) => {
      let tree: RowTree;
      let model: readonly Row[] = [];
      const before: { tree: RowTree; model: readonly Row[] }[] = [];
      for (const [index, one] of changes.entries()) {
        before.push({ tree, model });
        const row = { key: one.key, value: Uint8Array.of(index), version: lsn(index) };
        model = model.filter((other) => compareBytes(other.key, one.key) !== 0);
        if (one.put) model = [...model, row].toSorted((a, b) => compareBytes(a.key, b.key));
        tree = one.put ? putRow(tree, row) : removeRow(tree, one.key);
        checkBalance(tree);
      }
      for (const past of [...before, { tree, model }]) check(past.tree, past.model, start, end);
    }),
    { seed: 1 },
  );
});

test("rows that come in order make no long branch", () => {
  for (const step of [1, -1]) {
    let tree: RowTree;
    for (let index = 0; index < 2000; index++) {
      const at = step === 1 ? index : 2000 - index;
      tree = putRow(tree, { key: keyOf(at), value: new Uint8Array(0), version: lsn(1) });
    }
    checkBalance(tree);
    for (let index = 0; index < 1500; index++) tree = removeRow(tree, keyOf(index));
    checkBalance(tree);
    expect(depth(tree)).toBeLessThan(25);
  }
});

test("removing what is not there changes nothing", () => {
  const tree = putRow(undefined, { key: keyOf(1), value: keyOf(1), version: lsn(1) });
  expect(removeRow(tree, keyOf(2))).toBe(tree);
});

function check(tree: RowTree, model: readonly Row[], start: Uint8Array, end: Uint8Array): void {
  const within = model.filter(
    (row) => compareBytes(start, row.key) <= 0 && compareBytes(row.key, end) < 0,
  );
  const from = model.filter((row) => compareBytes(start, row.key) <= 0);
  expect(countRows(tree)).toBe(model.length);
  expect(rankOf(tree, start)).toBe(model.length - from.length);
  expect(gather(tree, start, end, visitRows)).toEqual(within);
  expect(gather(tree, start, end, visitRowsBackward)).toEqual(within.toReversed());
  expect(gather(tree, start, undefined, visitRows, 2)).toEqual(from.slice(0, 2));
  expect(gather(tree, start, undefined, visitRowsBackward, 2)).toEqual(
    from.toReversed().slice(0, 2),
  );
  const padded = Uint8Array.from([7, ...start, 7]);
  const found = model.find((row) => compareBytes(row.key, start) === 0);
  expect(findRow(tree, padded, 1, start.length)).toBe(found);
}

function gather(
  tree: RowTree,
  start: Uint8Array,
  end: Uint8Array | undefined,
  visitAll: typeof visitRows,
  limit = Number.POSITIVE_INFINITY,
): readonly Row[] {
  const rows: Row[] = [];
  const ended = visitAll(tree, start, end, (row) => rows.push(row) < limit);
  expect(ended).toBe(rows.length < limit);
  return rows;
}

function checkBalance(tree: RowTree): void {
  if (tree === undefined) return;
  const [left, right] = [countRows(tree.left) + 1, countRows(tree.right) + 1];
  expect(left <= 3 * right && right <= 3 * left).toBe(true);
  expect(tree.count).toBe(left + right - 1);
  checkBalance(tree.left);
  checkBalance(tree.right);
}

function depth(tree: RowTree): number {
  return tree === undefined ? 0 : 1 + Math.max(depth(tree.left), depth(tree.right));
}

function keyOf(at: number): Uint8Array {
  return Uint8Array.of(at >> 8, at & 255);
}
