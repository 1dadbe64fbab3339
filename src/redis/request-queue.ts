/**
 * Requests that are kept for later, one after another in one row of bytes: keeping one allocates
 * nothing once the row has grown to what its connection sends.
 */

import { Request } from "../resp/request.ts";

const BYTES_AT_FIRST = 4096;
const WORDS_AT_FIRST = 256;
/** A row that has grown longer is let go with what it held. */
const BYTES_KEPT_MAX = 64 * 1024;

export class RequestQueue {
  /** The request that `read` points at; valid until the next call. */
  readonly request: Request = new Request();
  /** Of all requests, with what lies between their arguments. */
  lengthBytes = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  /** Of each request: how many arguments it has, and where each begins and how long it is. */
  #words: Int32Array = new Int32Array(0);
  #wordCount = 0;
  #next = 0;

  /** What keeping them takes: of a short request, more than its bytes. */
  get sizeBytes(): number {
    return this.lengthBytes + this.#wordCount * Int32Array.BYTES_PER_ELEMENT;
  }

  add(request: Request): void {
    const { at, length, count, spanBytes } = request;
    this.#makeRoom(spanBytes, 1 + 2 * count);
    const from = at[0] as number;
    const shift = this.lengthBytes - from;
    this.#bytes.set(request.bytes.subarray(from, from + spanBytes), this.lengthBytes);
    this.lengthBytes += spanBytes;
    this.#words[this.#wordCount++] = count;
    for (let index = 0; index < count; index++) {
      this.#words[this.#wordCount++] = (at[index] as number) + shift;
      this.#words[this.#wordCount++] = length[index] as number;
    }
  }

  /** Goes back to before the first request. */
  rewind(): void {
    this.#next = 0;
  }

  /** Points `request` at the next one. */
  read(): Request {
    const { request } = this;
    request.bytes = this.#bytes;
    request.count = 0;
    const count = this.#words[this.#next++] as number;
    for (let index = 0; index < count; index++) {
      const at = this.#words[this.#next++] as number;
      request.add(at, this.#words[this.#next++] as number);
    }
    return request;
  }

  clear(): void {
    this.lengthBytes = 0;
    this.#wordCount = 0;
    this.#next = 0;
    if (this.#bytes.length <= BYTES_KEPT_MAX) return;
    this.#bytes = new Uint8Array(0);
    this.#words = new Int32Array(0);
  }

  #makeRoom(bytes: number, words: number): void {
    if (this.#bytes.length < this.lengthBytes + bytes) {
      const grown = new Uint8Array(
        Math.max(BYTES_AT_FIRST, 2 * this.#bytes.length, this.lengthBytes + bytes),
      );
      grown.set(this.#bytes.subarray(0, this.lengthBytes));
      this.#bytes = grown;
    }
    if (this.#words.length < this.#wordCount + words) {
      const grown = new Int32Array(
        Math.max(WORDS_AT_FIRST, 2 * this.#words.length, this.#wordCount + words),
      );
      grown.set(this.#words.subarray(0, this.#wordCount));
      this.#words = grown;
    }
  }
}
