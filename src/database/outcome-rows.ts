/** The rows in which outcomes and sessions are kept, and what they decide. */

import { equalBytes } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import { getU64, setU64 } from "../base/u64.ts";
import type { Step } from "../transactions/step.ts";
import {
  lateOutcomeKey,
  NUMBER_BYTES,
  outcomeKey,
  readNumber,
  SESSIONS_KEY,
  slotCountKey,
  writeNumber,
} from "./key-space.ts";
import type { OutcomeAnswer } from "./session.ts";
import { SECRET_BYTES, type TransactionId } from "./transaction-id.ts";

export const COMMITTED = 1;
const ABORTED = 2;
/** So many rows of a session are removed at a time. */
const REMOVED_COUNT = 1024;
const SESSIONS_BYTES = 16;
const SECRET_AT = 1;
const SEQUENCE_AT: number = SECRET_AT + SECRET_BYTES;
const OUTCOME_BYTES: number = SEQUENCE_AT + NUMBER_BYTES;
const ABORTED_ANSWER: OutcomeAnswer = { outcome: "aborted" };

/** The newest session that was begun and the oldest that is remembered; of those between some. */
export interface Sessions {
  readonly newest: number;
  readonly oldest: number;
}

/** What became of the transaction; if nothing did yet and nothing is to come, that is decided. */
export function decide(step: Step, id: TransactionId, isToCome: boolean): OutcomeAnswer {
  const { newest, oldest } = readSessions(step);
  if (id.session < oldest) throw forgotten();
  // Of a session that a crash undid nothing lasts, and its number may become another's.
  if (newest < id.session) return ABORTED_ANSWER;
  if (findLate(step, id)) return readAnswer(step, id);
  const order = findInSlot(step, id);
  if (order === 0) return readAnswer(step, id);
  if (order > 0 && !isToCome) throw forgotten();
  const key = order > 0 ? lateOutcomeKey(id.session, id.sequence) : slotKey(step, id);
  writeOutcome(step, key, ABORTED, id);
  return ABORTED_ANSWER;
}

/** Removes outcomes of the session, as many as one step should; whether there were any. */
export function removeSome(step: Step, session: number): boolean {
  const keys: Uint8Array[] = [];
  for (const keyOf of [outcomeKey, lateOutcomeKey]) {
    step.scan({ start: keyOf(session, 0), end: keyOf(session + 1, 0) }, (entry) => {
      if (keys.length === REMOVED_COUNT) return false;
      keys.push(entry.keyBytes.slice(0, entry.keyLength));
      return true;
    });
  }
  for (const key of keys) step.delete(key);
  return keys.length > 0;
}

function findLate(step: Step, { session, sequence }: TransactionId): boolean {
  const key = lateOutcomeKey(session, sequence);
  return step.findForUpdate(key, 0, key.length);
}

/** 0 if the outcome in its slot is that of the transaction; else below or above as that one is. */
function findInSlot(step: Step, id: TransactionId): number {
  const key = slotKey(step, id);
  if (!step.findForUpdate(key, 0, key.length)) return -1;
  return readNumber(outcomeIn(step), SEQUENCE_AT) - id.sequence;
}

function slotKey(step: Step, { session, sequence }: TransactionId): Uint8Array {
  const slotCount = readCount(step, slotCountKey(session));
  // Of every session that is remembered it is known, since it is written as the session begins.
  if (slotCount === 0) throw forgotten();
  return outcomeKey(session, sequence % slotCount);
}

function outcomeIn({ valueBytes, valueAt, valueLength }: Step): Uint8Array {
  if (valueLength !== OUTCOME_BYTES) throw corrupt();
  return valueBytes.subarray(valueAt, valueAt + valueLength);
}

/** What the row says that was just found. */
function readAnswer(step: Step, { secret }: TransactionId): OutcomeAnswer {
  const row = outcomeIn(step);
  const isCommitted =
    row[0] === COMMITTED && equalBytes(row.subarray(SECRET_AT, SEQUENCE_AT), secret);
  return isCommitted ? { outcome: "committed", version: step.version } : ABORTED_ANSWER;
}

function forgotten(): Fault {
  const message = "the outcome was forgotten; ask sooner, or raise outcomesKeptCount";
  return new Fault("ERR_OUTCOME_FORGOTTEN", `${message} or sessionsKeptCount`);
}

export function writeOutcome(
  step: Step,
  key: Uint8Array,
  kind: number,
  { sequence, secret }: TransactionId,
): void {
  const at = step.put(key, 0, key.length, OUTCOME_BYTES);
  const { buffer } = step;
  buffer[at] = kind;
  for (let index = 0; index < SECRET_BYTES; index++) {
    buffer[at + SECRET_AT + index] = secret[index] as number;
  }
  writeNumber(buffer, at + SEQUENCE_AT, sequence);
}

export function readSessions(step: Step): Sessions {
  if (!step.findForUpdate(SESSIONS_KEY, 0, SESSIONS_KEY.length)) return { newest: 0, oldest: 1 };
  const view = valueView(step, SESSIONS_BYTES);
  return { newest: checked(getU64(view, 0)), oldest: checked(getU64(view, 8)) };
}

export function writeSessions(step: Step, { newest, oldest }: Sessions): void {
  const bytes = new Uint8Array(SESSIONS_BYTES);
  const view = new DataView(bytes.buffer);
  setU64(view, 0, newest);
  setU64(view, 8, oldest);
  step.set(SESSIONS_KEY, bytes);
}

/** The number in a row, or 0 if there is none. */
function readCount(step: Step, key: Uint8Array): number {
  return step.find(key, 0, key.length) ? checked(getU64(valueView(step, 8), 0)) : 0;
}

export function writeCount(step: Step, key: Uint8Array, value: number): void {
  const bytes = new Uint8Array(8);
  setU64(new DataView(bytes.buffer), 0, value);
  step.set(key, bytes);
}

function valueView({ valueBytes, valueAt, valueLength }: Step, length: number): DataView {
  if (valueLength !== length) throw corrupt();
  return new DataView(valueBytes.buffer, valueBytes.byteOffset + valueAt, length);
}

function checked(value: number): number {
  if (value === -1) throw corrupt();
  return value;
}

function corrupt(): Fault {
  return new Fault("ERR_CORRUPT", "a row of the store's own transactions is not as it was written");
}
