/**
 * What a process that is served asks, and what it is told. Requests are `[number, name, ...]`,
 * and each with another number than 0 is answered, in whatever order, by `[number, true, result]`
 * or `[number, false, fault]`. Unasked, `[0, transaction, fault]` says that a transaction was
 * aborted.
 *
 * An answer that leaves is settled: those within transactions too, unlike in one process, since
 * whoever gets them may outlive the one that gave them.
 */

import { Fault, type FaultCode, isFault, messageOf } from "../base/fault.ts";
import { type Lsn, lsn } from "../base/ids.ts";
import type { OutcomeAnswer } from "./session.ts";
import { SECRET_BYTES, type TransactionId } from "./transaction-id.ts";
import type { KeyRange } from "./tuple.ts";
import type { Write } from "./write-set.ts";

/** Raised when either side would misunderstand the other. */
export const ATTACH_VERSION = 3;

/** The fields of one message, each taken as what it must be. */
export class Fields {
  readonly #fields: readonly unknown[];
  #at = 0;

  constructor(message: unknown) {
    if (!Array.isArray(message)) throw malformed();
    this.#fields = message;
  }

  number(): number {
    const field = this.next();
    if (typeof field !== "number" || !Number.isSafeInteger(field) || field < 0) throw malformed();
    return field;
  }

  /** A number that may be Infinity or left out. */
  anyNumber(): number | undefined {
    const field = this.next();
    if (field === undefined || field === null) return undefined;
    if (typeof field !== "number") throw malformed();
    return field;
  }

  lsn(): Lsn {
    return lsn(this.number());
  }

  text(): string {
    const field = this.next();
    if (typeof field !== "string") throw malformed();
    return field;
  }

  flag(): boolean {
    const field = this.next();
    if (typeof field !== "boolean") throw malformed();
    return field;
  }

  bytes(): Uint8Array {
    const field = this.next();
    if (!(field instanceof Uint8Array)) throw malformed();
    return field;
  }

  optionalBytes(): Uint8Array | undefined {
    const field = this.next();
    if (field === undefined || field === null) return undefined;
    if (!(field instanceof Uint8Array)) throw malformed();
    return field;
  }

  integer(): bigint {
    const field = this.next();
    if (typeof field !== "bigint") throw malformed();
    return field;
  }

  /** An array of messages, each read by `read`. */
  list<T>(read: (fields: Fields) => T): readonly T[] {
    const field = this.next();
    if (!Array.isArray(field)) throw malformed();
    return field.map((item: unknown) => read(new Fields(item)));
  }

  /** A message within this one; undefined where there is none. */
  optional<T>(read: (fields: Fields) => T): T | undefined {
    const field = this.next();
    return field === undefined || field === null ? undefined : read(new Fields(field));
  }

  next(): unknown {
    if (this.#at === this.#fields.length) throw malformed();
    return this.#fields[this.#at++];
  }
}

export function malformed(): Fault {
  return new Fault("ERR_FORMAT", "a message between processes is not as agreed; update both");
}

export function packId({ session, sequence, secret }: TransactionId): unknown {
  return [session, sequence, secret];
}

export function readId(fields: Fields): TransactionId {
  const id = { session: fields.number(), sequence: fields.number(), secret: fields.bytes() };
  if (id.secret.length !== SECRET_BYTES) throw malformed();
  return id;
}

export function packOutcome(answer: OutcomeAnswer): unknown {
  return answer.outcome === "committed" ? [true, answer.version] : [false];
}

export function readOutcome(fields: Fields): OutcomeAnswer {
  if (!fields.flag()) return { outcome: "aborted" };
  return { outcome: "committed", version: fields.lsn() };
}

const PUT = 0;
const REMOVE = 1;
const ADD = 2;

export function packWrites(writes: Iterable<Write>): unknown {
  return Array.from(writes, (write): unknown => {
    if (write.kind === "put") return [PUT, write.key, write.row];
    if (write.kind === "remove") return [REMOVE, write.key];
    return [ADD, write.key, write.delta];
  });
}

export function readWrite(fields: Fields): Write {
  const kind = fields.number();
  const key = fields.bytes();
  if (kind === PUT) return { kind: "put", key, row: fields.bytes() };
  if (kind === REMOVE) return { kind: "remove", key };
  if (kind === ADD) return { kind: "add", key, delta: fields.integer() };
  throw malformed();
}

export function packRange({ start, end }: KeyRange): unknown {
  return [start, end];
}

export function readRange(fields: Fields): KeyRange {
  return { start: fields.bytes(), end: fields.bytes() };
}

/** A fault with the details that another process can make something of. */
export function packFault(error: unknown): unknown {
  if (!isFault(error)) return ["ERR_UNAVAILABLE", messageOf(error), {}];
  const details = Object.entries(error.details).filter(([, value]) => isPlain(value));
  return [error.code, error.message, Object.fromEntries(details)];
}

export function readFault(fields: Fields): Fault {
  const code = fields.text() as FaultCode;
  const message = fields.text();
  const details = fields.next();
  return new Fault(code, message, typeof details === "object" ? { ...details } : {});
}

function isPlain(value: unknown): boolean {
  return ["string", "number", "boolean", "bigint"].includes(typeof value);
}
