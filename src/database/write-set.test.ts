import { expect, test } from "vitest";
import { fromLatin1 } from "../base/bytes.ts";
import { completeSettings } from "./settings.ts";
import { WriteSet } from "./write-set.ts";

// A body that waits for a page is abandoned and run again: its batch must not be used up then.
test("the writes are the same each time they are gone through", () => {
  const set = new WriteSet(completeSettings());
  set.put(fromLatin1("a"), 1, Uint8Array.of(1), undefined);
  set.remove(fromLatin1("b"), 1);
  expect([...set]).toHaveLength(2);
  expect([...set]).toHaveLength(2);
});
