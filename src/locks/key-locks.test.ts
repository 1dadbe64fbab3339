import { expect, test } from "vitest";
import { fromLatin1, hashBytes } from "../base/bytes.ts";
import { age } from "../base/ids.ts";
import { hashText } from "./key-filter.ts";
import { KeyLocks } from "./key-locks.ts";
import { LockOwner, owner } from "./lock-owner.ts";

const NAMES = Array.from({ length: 2_000 }, (_, index) => `key ${index}`);

test("free locks are swept out, used ones stay", () => {
  const locks = new KeyLocks();
  const somebody = new LockOwner(owner(1), age(1));
  for (const name of NAMES) locks.use(name, undefined).hold(somebody, "shared");
  for (const name of NAMES.slice(0, 1_990)) {
    const lock = locks.use(name, locks.find(name));
    lock.letGo(somebody);
    locks.dropIfFree(lock);
  }
  const found = NAMES.filter((name) => locks.find(name) !== undefined);
  expect(found.length).toBeLessThanOrEqual(10 + 10 + 256);
  expect(found.slice(-10)).toEqual(NAMES.slice(-10));
  expect(locks.size).toBe(10);
});

test("the filter knows a key while it is used, before and after it was put in order", () => {
  const locks = new KeyLocks();
  const somebody = new LockOwner(owner(1), age(1));
  const hash = hashText("key");
  for (const ordered of [false, true, false]) {
    expect(locks.mayHave(hash)).toBe(false);
    const lock = locks.use("key", locks.find("key"));
    lock.hold(somebody, "shared");
    const seen: string[] = [];
    if (ordered) locks.visitRange("", undefined, ({ key }) => seen.push(key) > 0);
    expect(seen).toEqual(ordered ? ["key"] : []);
    expect(locks.mayHave(hash)).toBe(true);
    lock.letGo(somebody);
    locks.dropIfFree(lock);
  }
  expect(locks.mayHave(hash)).toBe(false);
  expect(
    locks.visitRange("", undefined, () => false),
    "nothing is visited",
  ).toBe(true);
});

test("of two keys in one place of the filter each is known until it is let go of", () => {
  const locks = new KeyLocks();
  const somebody = new LockOwner(owner(1), age(1));
  const byPlace = new Map<number, string>();
  const pairs = Array.from({ length: 2_000 }, (_, index) => `pair ${index}`).flatMap((name) => {
    const place = hashText(name) % 65_536;
    const other = byPlace.get(place);
    byPlace.set(place, name);
    return other === undefined ? [] : [[name, other] as const];
  });
  expect(pairs.length).toBeGreaterThan(10);
  for (const pair of pairs) {
    const used = pair.map((name) => locks.use(name, undefined));
    for (const lock of used) lock.hold(somebody, "exclusive");
    for (const [index, lock] of used.entries()) {
      expect(locks.mayHave(lock.hash)).toBe(true);
      lock.letGo(somebody);
      locks.dropIfFree(lock);
      expect(locks.mayHave(lock.hash)).toBe(index === 0);
    }
  }
});

test("a text hashes as the bytes it stands for", () => {
  for (const text of ["", "a", "user:17", "\0\x80\xff", "x".repeat(300)]) {
    const bytes = fromLatin1(text);
    expect(hashText(text)).toBe(hashBytes(bytes, 0, bytes.length));
  }
});
