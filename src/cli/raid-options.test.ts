import { expect, test } from "vitest";
import { UsageError } from "./command-io.ts";
import { type CreateFlags, wishesOf } from "./raid-options.ts";

test("a new array is as it was asked for, and left to the defaults otherwise", () => {
  expect(wishesOf({ level: "5" })).toEqual({ level: 5 });
  const flags = {
    level: "RAID6",
    size: "1G",
    chunk: "4K",
    journal: "8M",
    layout: "right-symmetric",
  };
  expect(wishesOf(flags)).toEqual({
    level: 6,
    sizeBytes: 1024 ** 3,
    chunkBytes: 4096,
    journalBytes: 8 * 1024 ** 2,
    layout: "right-symmetric",
  });
  expect(wishesOf({ level: "mirror" }).level).toBe(1);
});

test.each<[Partial<CreateFlags>, RegExp]>([
  [{ level: "7" }, /no RAID level "7": give 0, 1, 4, 5 or 6/u],
  [{ level: "miror" }, /did you mean "mirror"/u],
  [{ layout: "left-symetric" }, /did you mean "left-symmetric"/u],
  [{ size: "0" }, /--size takes a size/u],
  [{ chunk: "much" }, /--chunk takes a size/u],
])("%j is refused", (flags, reason) => {
  const wishes = (): unknown => wishesOf({ level: "5", ...flags });
  expect(wishes).toThrow(reason);
  expect(wishes).toThrow(UsageError);
});
