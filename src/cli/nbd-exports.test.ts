import { expect, test } from "vitest";
import { UsageError } from "./command-io.ts";
import { type ExportFlags, parseExports } from "./nbd-exports.ts";

test.each<[ExportFlags, readonly string[], ReturnType<typeof parseExports>]>([
  [{}, ["disk.img"], [{ name: "", members: ["disk.img"], readOnly: false }]],
  [
    { export: ["disk"], readOnly: true },
    ["a", "b"],
    [{ name: "disk", members: ["a", "b"], readOnly: true }],
  ],
  [
    { export: ["one=a,b", "two=c=d", "three"], readOnlyExport: ["two", "three"] },
    ["e"],
    [
      { name: "one", members: ["a", "b"], readOnly: false },
      { name: "two", members: ["c=d"], readOnly: true },
      { name: "three", members: ["e"], readOnly: true },
    ],
  ],
])("%j with %j", (flags, members, specs) => {
  expect(parseExports(flags, members)).toEqual(specs);
});

test.each<[ExportFlags, readonly string[], RegExp]>([
  [{}, [], /name what to export/u],
  [{ export: ["a"] }, [], /"a" has no members/u],
  [{ export: ["a", "b"] }, ["x"], /"b" has no members/u],
  [{ export: ["a=x", "a=y"] }, [], /two exports called "a"/u],
  [{ export: ["a=x,"] }, [], /a member of "a=x," has no name/u],
  [{ export: ["a=x"] }, ["x"], /"x" is named twice/u],
  [{ plain: true }, ["x", "y"], /several members, which make an array/u],
  [{ readOnlyExport: ["b"] }, ["x"], /there is no such export/u],
  [{ export: ["é".repeat(2049)] }, ["x"], /longer than 4096 bytes/u],
])("%j with %j is refused", (flags, members, reason) => {
  expect(() => parseExports(flags, members)).toThrow(reason);
  expect(() => parseExports(flags, members)).toThrow(UsageError);
});
