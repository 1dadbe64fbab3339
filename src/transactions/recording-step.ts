/**
 * A step that notes what passes through it: which keys were read in which versions, which were
 * absent, which ranges were passed over, what was written. It changes nothing.
 *
 * Counts of a census are not noted; a check of the record does not see them.
 */

import { latin1 } from "../base/bytes.ts";
import type { Lsn } from "../base/ids.ts";
import type { RecordedEntry, RecordedOperation } from "../base/recorded-events.ts";
import { DelegatingStep, rangePassedOver } from "./delegation.ts";
import type { ScanEntry, ScanRange, Step } from "./step.ts";

export class RecordingStep extends DelegatingStep implements Step {
  readonly operations: RecordedOperation[] = [];
  protected readonly step: Step;
  /** The end of the log, to tell one absence of a key from another. */
  readonly #position: () => Lsn;

  constructor(step: Step, position: () => Lsn) {
    super();
    this.step = step;
    this.#position = position;
  }

  find(source: Uint8Array, at: number, length: number): boolean {
    return this.#noteFind(this.step.find(source, at, length), source, at, length);
  }

  findForUpdate(source: Uint8Array, at: number, length: number): boolean {
    return this.#noteFind(this.step.findForUpdate(source, at, length), source, at, length);
  }

  put(source: Uint8Array, at: number, length: number, valueLength: number): number {
    const room = this.step.put(source, at, length, valueLength);
    this.operations.push({ kind: "write", key: latin1(source, at, length) });
    return room;
  }

  remove(source: Uint8Array, at: number, length: number): void {
    this.step.remove(source, at, length);
    this.operations.push({ kind: "remove", key: latin1(source, at, length) });
  }

  /** It is a look at the range, and the removal of what is there. */
  removeRange(start: Uint8Array, end: Uint8Array): void {
    const found: RecordedEntry[] = [];
    this.step.scan({ start, end }, ({ keyBytes, keyLength, version }) => {
      found.push({ key: latin1(keyBytes, 0, keyLength), version });
      return true;
    });
    this.step.removeRange(start, end);
    this.#noteScan({ start, end }, found, false);
    for (const { key } of found) this.operations.push({ kind: "remove", key });
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const value = this.step.get(key);
    this.#noteFind(value !== undefined, key, 0, key.length);
    return value;
  }

  getForUpdate(key: Uint8Array): Uint8Array | undefined {
    const value = this.step.getForUpdate(key);
    this.#noteFind(value !== undefined, key, 0, key.length);
    return value;
  }

  set(key: Uint8Array, value: Uint8Array): void {
    this.step.set(key, value);
    this.operations.push({ kind: "write", key: latin1(key) });
  }

  delete(key: Uint8Array): void {
    this.step.delete(key);
    this.operations.push({ kind: "remove", key: latin1(key) });
  }

  scan(range: ScanRange, visit: (entry: ScanEntry) => boolean): void {
    const found: RecordedEntry[] = [];
    let isCut = false;
    this.step.scan(range, (entry) => {
      const { keyBytes, keyLength, version } = entry;
      found.push({ key: latin1(keyBytes, 0, keyLength), version });
      isCut = !visit(entry);
      return !isCut;
    });
    this.#noteScan(range, found, isCut);
  }

  count(censusPrefix: Uint8Array): number {
    return this.step.count(censusPrefix);
  }

  #noteFind(isFound: boolean, source: Uint8Array, at: number, length: number): boolean {
    const key = latin1(source, at, length);
    const { version } = this.step;
    this.operations.push(
      isFound
        ? { kind: "read", key, version }
        : { kind: "read", key, version: undefined, position: this.#position() },
    );
    return isFound;
  }

  /** A scan that its visitor ended passed over no more than up to the last entry. */
  #noteScan(range: ScanRange, found: RecordedEntry[], isCut: boolean): void {
    const last = isCut ? found.at(-1)?.key : undefined;
    const passed = rangePassedOver(range, last);
    this.operations.push({ kind: "scan", ...passed, found, position: this.#position() });
  }
}
