/** A sparse volume in memory, for tests: one flag for each block says whether it was written. */

import { MemoryVolume } from "../volume/memory-volume.ts";
import type { SparseVolume, WrittenRange } from "../volume/sparse-volume.ts";

export class SparseMemoryVolume extends MemoryVolume implements SparseVolume {
  readonly blockBytes: number;
  readonly #written: Uint8Array;

  constructor(sizeBytes: number, blockBytes: number) {
    super(sizeBytes, { name: "sparse memory", writeUnitBytes: blockBytes });
    this.blockBytes = blockBytes;
    this.#written = new Uint8Array(Math.ceil(sizeBytes / blockBytes));
  }

  override writeDurableNow(at: number, source: Uint8Array): boolean {
    const end = Math.ceil((at + source.length) / this.blockBytes);
    this.#written.fill(1, Math.floor(at / this.blockBytes), end);
    return super.writeDurableNow(at, source);
  }

  async trim(at: number, byteCount: number): Promise<void> {
    await this.write(at, new Uint8Array(byteCount));
    const start = Math.ceil(at / this.blockBytes);
    const isToTheEnd = at + byteCount === this.sizeBytes;
    const end = isToTheEnd ? this.#written.length : Math.floor((at + byteCount) / this.blockBytes);
    if (start < end) this.#written.fill(0, start, end);
  }

  isWritten(at: number, byteCount: number): WrittenRange {
    const state = this.#written[Math.floor(at / this.blockBytes)];
    let end = at;
    while (end < at + byteCount && this.#written[Math.floor(end / this.blockBytes)] === state) {
      end = (Math.floor(end / this.blockBytes) + 1) * this.blockBytes;
    }
    return { written: state === 1, byteCount: Math.min(end - at, byteCount) };
  }
}
