/** A step that notes what a body reads and writes, and leaves the rest to the step it is given. */

import { hashBytes, latin1, prefixEnd } from "../../base/bytes.ts";
import type { RecordedEntry, RecordedOperation } from "../../base/recorded-events.ts";
import { DelegatingStep, rangePassedOver } from "../../transactions/delegation.ts";
import type { ScanEntry, ScanRange, Step } from "../../transactions/step.ts";

/** Longer values are recorded by their length and a hash. */
const VALUE_SHOWN_BYTES_MAX = 48;

interface UnfilledWrite {
  readonly key: string;
  readonly valueAt: number;
  readonly valueBytes: number;
}

export class RecordingStep extends DelegatingStep implements Step {
  readonly operations: RecordedOperation[] = [];
  protected readonly step: Step;
  /** The end of the log as this run sees it. */
  readonly #position: number;
  #unfilled: UnfilledWrite | undefined;

  constructor(inner: Step, position: number) {
    super();
    this.step = inner;
    this.#position = position;
  }

  find(source: Uint8Array, at: number, length: number): boolean {
    this.finish();
    const isFound = this.step.find(source, at, length);
    this.#noteRead(latin1(source, at, length), isFound);
    return isFound;
  }

  findForUpdate(source: Uint8Array, at: number, length: number): boolean {
    this.finish();
    const isFound = this.step.findForUpdate(source, at, length);
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
    const valueAt = this.step.put(source, at, length, valueLength);
    this.#unfilled = { key: latin1(source, at, length), valueAt, valueBytes: valueLength };
    return valueAt;
  }

  set(key: Uint8Array, value: Uint8Array): void {
    this.finish();
    this.step.set(key, value);
    this.operations.push({ kind: "write", key: latin1(key), value: valueText(value, 0) });
  }

  remove(source: Uint8Array, at: number, length: number): void {
    this.finish();
    this.step.remove(source, at, length);
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
    this.step.removeRange(start, end);
    for (const key of found) this.operations.push({ kind: "remove", key });
  }

  scan(range: ScanRange, visit: (entry: ScanEntry) => boolean): void {
    this.finish();
    const found: RecordedEntry[] = [];
    let last: string | undefined;
    this.step.scan(range, (entry) => {
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
    const counted = this.step.count(censusPrefix);
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
    const value = valueText(this.step.buffer, valueAt, valueBytes);
    this.operations.push({ kind: "write", key, value });
  }

  #noteRead(key: string, isFound: boolean): void {
    const position = this.#position;
    if (!isFound) {
      this.operations.push({ kind: "read", key, version: undefined, position });
      return;
    }
    const { version, valueBytes, valueAt, valueLength } = this.step;
    const value = valueText(valueBytes, valueAt, valueLength);
    this.operations.push({ kind: "read", key, version, value, position });
  }

  #copyValue(): Uint8Array {
    const { valueBytes, valueAt, valueLength } = this.step;
    return valueBytes.slice(valueAt, valueAt + valueLength);
  }
}

export function valueText(bytes: Uint8Array, at: number, length: number = bytes.length): string {
  if (length <= VALUE_SHOWN_BYTES_MAX) return latin1(bytes, at, length);
  return `${length} bytes, hash ${hashBytes(bytes, at, length)}`;
}
