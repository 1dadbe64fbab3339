/** Writes and reads the fields of a fixed record one after the other, all little-endian. */

import { getU64, setU64 } from "./u64.ts";

export class FieldWriter {
  readonly #target: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(target: Uint8Array) {
    this.#target = target;
    this.#view = new DataView(target.buffer, target.byteOffset, target.length);
  }

  u16(value: number): void {
    this.#view.setUint16(this.#at, value, true);
    this.#at += 2;
  }

  u32(value: number): void {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  u64(value: number): void {
    setU64(this.#view, this.#at, value);
    this.#at += 8;
  }

  bytes(value: Uint8Array): void {
    this.#target.set(value, this.#at);
    this.#at += value.length;
  }

  skipTo(at: number): void {
    this.#at = at;
  }
}

export class FieldReader {
  readonly #source: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #isMalformed = false;

  constructor(source: Uint8Array) {
    this.#source = source;
    this.#view = new DataView(source.buffer, source.byteOffset, source.length);
  }

  /** Whether a field was read that holds what no writer writes; it was read as 0. */
  get isMalformed(): boolean {
    return this.#isMalformed;
  }

  malformed(): void {
    this.#isMalformed = true;
  }

  u16(): number {
    this.#at += 2;
    return this.#view.getUint16(this.#at - 2, true);
  }

  u32(): number {
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4, true);
  }

  u64(): number {
    const value = getU64(this.#view, this.#at);
    this.#at += 8;
    if (0 <= value) return value;
    this.#isMalformed = true;
    return 0;
  }

  /** A copy of that many bytes. */
  bytes(length: number): Uint8Array {
    this.#at += length;
    return this.#source.slice(this.#at - length, this.#at);
  }

  skipTo(at: number): void {
    this.#at = at;
  }
}
