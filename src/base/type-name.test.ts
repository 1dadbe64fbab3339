import { expect, test } from "vitest";
import { typeName } from "./type-name.ts";

test.each([
  [undefined, "undefined"],
  [null, "null"],
  [1n, "a bigint"],
  [new Date(0), "a Date"],
  [new Int16Array(1), "an Int16Array"],
  [new Error("x"), "an Error"],
  [Object.create(null), "an object"],
])("%o is told as what it is", (value: unknown, name) => {
  expect(typeName(value)).toBe(name);
});
