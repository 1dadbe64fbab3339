/**
 * Input that could not be served in the turn in which it came: the beginning of a request whose
 * rest is under way, or what follows a command that waits. It grows with what arrives, never with
 * what was announced.
 */

/** More room than at first is given up as soon as it is empty: connections are many. */
const BYTES_AT_FIRST = 4096;

export class Inbox {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;

  get length(): number {
    return this.end - this.start;
  }

  /** Adds `source[from, to)`. Returns how far up what was there has moved. */
  add(source: Uint8Array, from: number, to: number): number {
    const moved = this.end + to - from <= this.bytes.length ? 0 : this.#makeRoom(to - from);
    this.bytes.set(source.subarray(from, to), this.end);
    this.end += to - from;
    return moved;
  }

  /** What lies before `start` was served. */
  drop(start: number): void {
    this.start = start;
    if (start < this.end) return;
    this.start = 0;
    this.end = 0;
    if (this.bytes.length > BYTES_AT_FIRST) this.bytes = new Uint8Array(0);
  }

  #makeRoom(count: number): number {
    const { start, length } = this;
    if (length + count <= this.bytes.length / 2) {
      this.bytes.copyWithin(0, start, this.end);
    } else {
      const larger = new Uint8Array(Math.max(BYTES_AT_FIRST, 2 * (length + count)));
      larger.set(this.bytes.subarray(start, this.end));
      this.bytes = larger;
    }
    this.start = 0;
    this.end = length;
    return -start;
  }
}
