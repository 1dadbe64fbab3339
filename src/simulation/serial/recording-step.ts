/** A step that notes what a body reads and writes, and leaves the rest to the step it is given. */

import { hashBytes, latin1 } from "../../base/bytes.ts";
import type { Lsn } from "../../base/ids.ts";
import type { RecordedEntry, RecordedOperation } from "../../base/recorded-events.ts";
import { prefixEnd } from "../../base/bytes.ts";
import type { ScanEntry, ScanRange, Step } from "../../transactions/step.ts";

/** Longer values are recorded by their length and a hash. */
const VALUE_SHOWN_BYTES_MAX = 48;

interface UnfilledWrite {
  readonly key: string;
  readonly valueAt: number;
  readonly valueBytes: number;
}

export class RecordingStep implements Step {
  readonly operations: RecordedOperation[] = [];
  readonly #inner: Step;
  /** The end of the log as this run sees it. */
  readonly #position: number;
  #unfilled: UnfilledWrite | undefined;

  constructor(inner: Step, position: number) {
    this.#inner = inner;
    this.#position = position;
  }

  get nowMs(): number {
    return this.#inner.nowMs;
  }

  get valueBytes(): Uint8Array {
    return this.#inner.valueBytes;
  }

  get valueAt(): number {
    return this.#inner.valueAt;
  }

  get valueLength(): number {
    return this.#inner.valueLength;
  }

  get version(): Lsn {
    return this.#inner.version;
  }

  get buffer(): Uint8Array {
    return this.#inner.buffer;
  }

  find(source: Uint8Array, at: number, length: number): boolean {
    this.finish();
    const isFound = this.#inner.find(source, at, length);
    this.#noteRead(latin1(source, at, length), isFound);
    return isFound;
  }

  findForUpdate(source: Uint8Array, at: number, length: number): boolean {
    this.finish();
    const isFound = this.#inner.findForUpdate(source, at, length);
    this.#noteRead(latin1(source, at, length), isFound);
    return isFound;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.find(key, 0, key.length) ? this.#copyValue() : undefined;
  }

  getForUpdate(key: Uint8Array): Uint8Array | undefined {
    return this.findForUpdate(key, 0, key.length) ? this.#copyValue() : undefined;
  }

  put(source: Uint8Array, at: number, length: number, valueLength: number): number {
    this.finish();
    const valueAt = this.#inner.put(source, at, length, valueLength);
    this.#unfilled = { key: latin1(source, at, length), valueAt, valueBytes: valueLength };
    return valueAt;
  }

  set(key: Uint8Array, value: Uint8Array): void {
    this.finish();
    this.#inner.set(key, value);
    this.operations.push({ kind: "write", key: latin1(key), value: valueText(value, 0) });
  }

  remove(source: Uint8Array, at: number, length: number): void {
    this.finish();
    this.#inner.remove(source, at, length);
    this.operations.push({ kind: "remove", key: latin1(source, at, length) });
  }

  delete(key: Uint8Array): void {
    this.remove(key, 0, key.length);
  }

  /** Noted as a scan and a removal of each key, since only those reach the log. */
  removeRange(start: Uint8Array, end: Uint8Array): void {
    const found: string[] = [];
    this.scan({ start, end }, ({ keyBytes, keyLength }) => {
      found.push(latin1(keyBytes, 0, keyLength));
      return true;
    });
    this.#inner.removeRange(start, end);
    for (const key of found) this.operations.push({ kind: "remove", key });
  }

  scan(range: ScanRange, visit: (entry: ScanEntry) => boolean): void {
    this.finish();
    const found: RecordedEntry[] = [];
    let last: string | undefined;
    this.#inner.scan(range, (entry) => {
      const { keyBytes, keyLength, valueBytes, valueAt, valueLength, version } = entry;
      const key = latin1(keyBytes, 0, keyLength);
      found.push({ key, version, value: valueText(valueBytes, valueAt, valueLength) });
      if (visit(entry)) return true;
      last = key;
      return false;
    });
    const passedOver = rangePassedOver(range, last);
    this.operations.push({ kind: "scan", ...passedOver, found, position: this.#position });
  }

  /** Noted as a scan of what was counted, which must find as many. */
  count(censusPrefix: Uint8Array): number {
    const counted = this.#inner.count(censusPrefix);
    let found = 0;
    this.scan({ start: censusPrefix, end: prefixEnd(censusPrefix) }, () => {
      found++;
      return true;
    });
    if (counted !== found) throw new Error(`counted ${counted} rows and found ${found}`);
    return counted;
  }

  /** Notes what the body filled in since its last call. */
  finish(): void {
    const unfilled = this.#unfilled;
    if (unfilled === undefined) return;
    this.#unfilled = undefined;
    const { key, valueAt, valueBytes } = unfilled;
    const value = valueText(this.#inner.buffer, valueAt, valueBytes);
    this.operations.push({ kind: "write", key, value });
  }

  #noteRead(key: string, isFound: boolean): void {
    const position = this.#position;
    if (!isFound) {
      this.operations.push({ kind: "read", key, version: undefined, position });
      return;
    }
    const { version, valueBytes, valueAt, valueLength } = this.#inner;
    const value = valueText(valueBytes, valueAt, valueLength);
    this.operations.push({ kind: "read", key, version, value, position });
  }

  #copyValue(): Uint8Array {
    const { valueBytes, valueAt, valueLength } = this.#inner;
    return valueBytes.slice(valueAt, valueAt + valueLength);
  }
}

export function valueText(bytes: Uint8Array, at: number, length: number = bytes.length): string {
  if (length <= VALUE_SHOWN_BYTES_MAX) return latin1(bytes, at, length);
  return `${length} bytes, hash ${hashBytes(bytes, at, length)}`;
}

function rangePassedOver(
  { start, end, reverse }: ScanRange,
  last: string | undefined,
): { readonly start: string; readonly end: string | undefined } {
  const whole = { start: latin1(start), end: end === undefined ? undefined : latin1(end) };
  if (last === undefined) return whole;
  return reverse === true ? { ...whole, start: last } : { ...whole, end: `${last}\0` };
}
