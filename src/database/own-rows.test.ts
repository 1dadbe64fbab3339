import { expect, test } from "vitest";
import { isOwnRow } from "../store/urgency.ts";
import {
  DEADLINES_KEY,
  idempotencyKey,
  LIBRARY_RANGE,
  outcomeKey,
  SESSIONS_KEY,
  slotCountKey,
} from "./key-space.ts";

test("the store knows the library's own rows from those of users", () => {
  const own = [
    SESSIONS_KEY,
    DEADLINES_KEY,
    outcomeKey(1, 2),
    slotCountKey(3),
    idempotencyKey("once"),
  ];
  for (const key of own) expect(isOwnRow(key, 0, key.length)).toBe(true);
  const { start } = LIBRARY_RANGE;
  expect(isOwnRow(start, 0, start.length)).toBe(false);
});
