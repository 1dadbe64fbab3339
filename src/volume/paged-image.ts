/**
 * Bytes in memory that can be copied in an instant: pages of 4 KiB, shared by an image and its
 * copies until one of them writes. A page that was never written is zero and takes no room.
 */

import { assert } from "../base/assert.ts";

const PAGE_BYTES = 4096;

export class PagedImage {
  #sizeBytes: number;
  readonly #pages: (Uint8Array | undefined)[];
  /** 1 for each page that no other image can see. */
  #owned: Uint8Array;

  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes;
    this.#pages = [];
    this.#owned = new Uint8Array(pageCount(sizeBytes));
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** An image of the same bytes; from now on each changes by itself. */
  copy(): PagedImage {
    const copy = new PagedImage(this.#sizeBytes);
    for (const page of this.#pages) copy.#pages.push(page);
    this.#owned.fill(0);
    return copy;
  }

  /** Fills `target`, as far as there are bytes; how many there were. */
  read(at: number, target: Uint8Array): number {
    const length = Math.max(0, Math.min(target.length, this.#sizeBytes - at));
    for (let done = 0; done < length;) {
      const offset = (at + done) % PAGE_BYTES;
      const count = Math.min(PAGE_BYTES - offset, length - done);
      const page = this.#pages[(at + done - offset) / PAGE_BYTES];
      if (page === undefined) target.fill(0, done, done + count);
      else target.set(page.subarray(offset, offset + count), done);
      done += count;
    }
    return length;
  }

  /** Writes within the size. */
  write(at: number, source: Uint8Array): void {
    assert(0 <= at && at + source.length <= this.#sizeBytes, "a write lies within its image");
    for (let done = 0; done < source.length;) {
      const offset = (at + done) % PAGE_BYTES;
      const count = Math.min(PAGE_BYTES - offset, source.length - done);
      const page = this.#ownPage((at + done - offset) / PAGE_BYTES);
      page.set(source.subarray(done, done + count), offset);
      done += count;
    }
  }

  /** What comes to be is zero; what goes is gone. */
  resize(sizeBytes: number): void {
    const count = pageCount(sizeBytes);
    if (sizeBytes < this.#sizeBytes) {
      this.#pages.length = Math.min(this.#pages.length, count);
      const tail = sizeBytes % PAGE_BYTES;
      if (tail !== 0 && this.#pages[count - 1] !== undefined)
        this.#ownPage(count - 1).fill(0, tail);
    }
    const owned = new Uint8Array(count);
    owned.set(this.#owned.subarray(0, count));
    this.#owned = owned;
    this.#sizeBytes = sizeBytes;
  }

  #ownPage(index: number): Uint8Array {
    const present = this.#pages[index];
    if (present !== undefined && this.#owned[index] === 1) return present;
    const page = present === undefined ? new Uint8Array(PAGE_BYTES) : present.slice();
    // An array with holes would be slow for ever, so that the table is filled up to here.
    while (this.#pages.length < index) this.#pages.push(undefined);
    this.#pages[index] = page;
    this.#owned[index] = 1;
    return page;
  }
}

function pageCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / PAGE_BYTES);
}
