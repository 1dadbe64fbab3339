/**
 * The answers that are kept for idempotency keys: rows with a deadline, of what a body returned,
 * in an array of one, since it may have returned undefined.
 */

import { Fault } from "../base/fault.ts";
import { utf8Length } from "../base/utf8.ts";
import { IDEMPOTENCY_KEY_BYTES_MAX, idempotencyKey } from "./key-space.ts";
import { checkLimit, type DatabaseSettings } from "./settings.ts";
import { ValueFormat } from "./value-codec.ts";

/** Not the user's codec, which may change within the time that answers are kept. */
const format = new ValueFormat();

export function idempotencyRowKey(text: string): Uint8Array {
  const given: unknown = text;
  if (typeof given === "string" && given !== "") {
    if (utf8Length(given) <= IDEMPOTENCY_KEY_BYTES_MAX) return idempotencyKey(given);
  }
  const wanted = `a text of 1 to ${IDEMPOTENCY_KEY_BYTES_MAX} bytes`;
  throw new Fault("ERR_ARGUMENT", `an idempotency key is ${wanted}; hash what is longer`);
}

export function encodeAnswer(
  answer: unknown,
  deadlineMs: number,
  settings: DatabaseSettings,
): Uint8Array {
  const row = format.encode([answer], deadlineMs);
  checkLimit(settings, "idempotencyAnswerBytesMax", row.length);
  return row;
}

export function decodeAnswer(row: Uint8Array): unknown {
  const answer = format.decode(row);
  if (Array.isArray(answer) && answer.length === 1) return answer[0];
  throw new Fault("ERR_CORRUPT", "the answer for an idempotency key is not as it was written");
}
