/** The entries of a batch: how they are framed, as `batch-format.ts` shows, and how read. */

import type { Lsn, ViewNumber } from "../base/ids.ts";
import { lsn, viewNumber } from "../base/ids.ts";
import { getU64, setU64 } from "../base/u64.ts";
import { BATCH_HEADER_BYTES } from "./batch-format.ts";

export const ENTRY_HEADER_BYTES = 16;
/** Set in the kinds of entries that who does not know them may pass over. */
export const KIND_IGNORABLE = 0x8000;
const KIND_AT = 4;
const VIEW_AT = 8;

/** What a visitor sees: the same object at every visit, and valid only during the visit. */
export interface LogEntry {
  readonly lsn: Lsn;
  readonly kind: number;
  readonly view: ViewNumber;
  /** The body is `bytes[bodyAt, bodyAt + bodyBytes)`. */
  readonly bytes: Uint8Array;
  readonly bodyAt: number;
  readonly bodyBytes: number;
}

/** May return a promise, and is then not called again before it is resolved. */
export type LogVisitor = (entry: LogEntry) => Promise<void> | undefined;

/** How many bytes of a batch an entry takes. */
export function entryBytesOf(bodyBytes: number): number {
  return ENTRY_HEADER_BYTES + bodyBytes + (-bodyBytes & 7);
}

/** Frames the body that lies behind `at + ENTRY_HEADER_BYTES`. */
export function writeEntryFrame(
  target: DataView,
  at: number,
  kind: number,
  view: ViewNumber,
  bodyBytes: number,
): void {
  target.setUint32(at, bodyBytes, true);
  target.setUint32(at + KIND_AT, kind, true);
  setU64(target, at + VIEW_AT, view);
  const bodyEnd = at + ENTRY_HEADER_BYTES + bodyBytes;
  const end = at + entryBytesOf(bodyBytes);
  for (let zero = bodyEnd; zero < end; zero++) target.setUint8(zero, 0);
}

/** The entries of one batch after the other, in order. */
export class EntryCursor implements LogEntry {
  bytes: Uint8Array = new Uint8Array(0);
  lsn: Lsn = lsn(0);
  kind = 0;
  bodyAt = 0;
  bodyBytes = 0;
  #view: DataView = new DataView(this.bytes.buffer);
  #firstLsn: Lsn = lsn(0);
  #passed = 0;
  #nextAt = 0;
  #end = 0;

  get view(): ViewNumber {
    return viewNumber(getU64(this.#view, this.bodyAt - ENTRY_HEADER_BYTES + VIEW_AT));
  }

  /** Whether every entry was passed, to the last byte in use. */
  get isAtEnd(): boolean {
    return this.#nextAt === this.#end;
  }

  /** Goes before the first entry of the batch in `bytes[at, at + usedBytes)`. */
  enter(bytes: Uint8Array, at: number, usedBytes: number, firstLsn: Lsn): void {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    this.#firstLsn = firstLsn;
    this.#passed = 0;
    this.#nextAt = at + BATCH_HEADER_BYTES;
    this.#end = at + usedBytes;
  }

  /** Goes to the next entry; false if what is there does not lie within the batch. */
  next(): boolean {
    const view = this.#view;
    const at = this.#nextAt;
    if (this.#end < at + ENTRY_HEADER_BYTES) return false;
    const bodyBytes = view.getUint32(at, true);
    const end = at + entryBytesOf(bodyBytes);
    if (this.#end < end || getU64(view, at + VIEW_AT) < 0) return false;

    this.lsn = lsn(this.#firstLsn + this.#passed);
    this.kind = view.getUint16(at + KIND_AT, true);
    this.bodyAt = at + ENTRY_HEADER_BYTES;
    this.bodyBytes = bodyBytes;
    this.#nextAt = end;
    this.#passed++;
    return true;
  }
}
