/** Numbers of 32 bits, one after the other, in an array that grows. */

export class IntColumn {
  #values: Int32Array;
  #length = 0;

  constructor(room = 1024) {
    this.#values = new Int32Array(room);
  }

  get length(): number {
    return this.#length;
  }

  /** What was pushed; a view that the next push may leave behind. */
  get values(): Int32Array {
    return this.#values.subarray(0, this.#length);
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const grown = new Int32Array(this.#length * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#length++] = value;
  }

  at(index: number): number {
    return this.#values[index] as number;
  }

  set(index: number, value: number): void {
    this.#values[index] = value;
  }
}
