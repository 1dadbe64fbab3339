/** Numbers of 32 bits in a row, for lists that are cleared and filled again without garbage. */

const FIRST_COUNT = 64;

export class IntList {
  /** The first `count` are in the list. */
  numbers: Int32Array = new Int32Array(FIRST_COUNT);
  count = 0;

  clear(): void {
    this.count = 0;
  }

  add(number: number): void {
    const index = this.count;
    if (index === this.numbers.length) {
      const larger = new Int32Array(2 * index);
      larger.set(this.numbers);
      this.numbers = larger;
    }
    this.numbers[index] = number;
    this.count = index + 1;
  }
}
