import { expect, test } from "vitest";
import { inverse, multiply, powerOfTwo } from "./field.ts";
import { slowPowerOfTwo, slowProduct } from "./slow-parity.suite.ts";

const ELEMENTS = Array.from({ length: 256 }, (_, element) => element);

test("all products are those of the definition", () => {
  for (const left of ELEMENTS) {
    const products = ELEMENTS.map((right) => multiply(left, right));
    expect(products).toEqual(ELEMENTS.map((right) => slowProduct(left, right)));
  }
});

test("the powers of 2 pass through all elements but 0, forwards and backwards", () => {
  const powers = ELEMENTS.slice(0, 255).map(powerOfTwo);
  expect(powers).toEqual(ELEMENTS.slice(0, 255).map(slowPowerOfTwo));
  expect(new Set(powers).size).toBe(255);
  expect(powers).not.toContain(0);
  for (const exponent of ELEMENTS)
    expect(multiply(powerOfTwo(exponent), powerOfTwo(-exponent))).toBe(1);
});

test("an element times its inverse is 1, and 0 has none", () => {
  for (const element of ELEMENTS.slice(1)) expect(multiply(element, inverse(element))).toBe(1);
  expect(() => inverse(0)).toThrow("inverse of 0");
});
