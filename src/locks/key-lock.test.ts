import { expect, test } from "vitest";
import { age } from "../base/ids.ts";
import { KeyLock } from "./key-lock.ts";
import type { LockMode } from "./lock-mode.ts";
import { LockOwner, owner } from "./lock-owner.ts";

function lockOwner(number: number): LockOwner {
  return new LockOwner(owner(number), age(number));
}

function enqueue(lock: KeyLock, waiter: LockOwner, mode: LockMode): void {
  lock.enqueue({ kind: "key", owner: waiter, mode, lock });
}

test("whoever waits stands behind the youngest of the older, however they came", () => {
  const lock = new KeyLock("a", 0);
  const [first, second, third, fourth, fifth] = [1, 2, 3, 4, 5].map(lockOwner) as [
    LockOwner,
    LockOwner,
    LockOwner,
    LockOwner,
    LockOwner,
  ];
  lock.hold(first, "exclusive");
  enqueue(lock, fourth, "shared");
  enqueue(lock, second, "exclusive");
  enqueue(lock, third, "exclusive");
  expect(lock.waits().map((wait) => wait.owner.id)).toEqual([2, 3, 4]);
  expect(lock.blockerOf(fifth, "exclusive")).toBe(fourth);
  expect(lock.blockerOf(fifth, "shared")).toBe(third);
  expect(lock.blockerOf(third, "exclusive")).toBe(second);
  expect(lock.blockerOf(second, "exclusive")).toBe(first);
});

test("what conflicts with a hold is a bug", () => {
  const lock = new KeyLock("a", 0);
  const [one, two] = [lockOwner(1), lockOwner(2)];
  lock.hold(one, "shared");
  expect(() => lock.hold(two, "exclusive")).toThrow("do not conflict");
  lock.hold(two, "shared");
  expect(() => lock.hold(one, "exclusive")).toThrow("do not conflict");
  lock.letGo(two);
  lock.hold(one, "exclusive");
  expect(() => lock.hold(two, "shared")).toThrow("do not conflict");
  expect(() => lock.letGo(two)).toThrow("only a holder");
});
