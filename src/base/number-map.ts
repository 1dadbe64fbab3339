/**
 * A map from natural numbers, for what comes and goes all the time. A `Map` makes a new table for
 * every so many deletions, and each table that is replaced points to the next: once one of them is
 * old space, all that follow, with what they held, live until the next full collection.
 *
 * Numbers that follow each other do best. It grows to four times what it holds and never shrinks.
 */

const PLACES_MIN = 16;
/** No number: the place is empty. */
const NOBODY = -1;

export class NumberMap<T> {
  #keys: number[] = emptyKeys(PLACES_MIN);
  #values: (T | undefined)[] = emptyValues(PLACES_MIN);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(key: number): boolean {
    return this.#keys[this.#placeOf(key)] === key;
  }

  get(key: number): T | undefined {
    return this.#values[this.#placeOf(key)];
  }

  set(key: number, value: T): void {
    let place = this.#placeOf(key);
    if (this.#keys[place] !== key) {
      if (2 * (this.#size + 1) > this.#keys.length) {
        this.#grow();
        place = this.#placeOf(key);
      }
      this.#keys[place] = key;
      this.#size++;
    }
    this.#values[place] = value;
  }

  delete(key: number): boolean {
    const place = this.#placeOf(key);
    if (this.#keys[place] !== key) return false;
    this.#size--;
    this.#close(place);
    return true;
  }

  /** In the order of the keys. */
  values(): readonly T[] {
    return this.#keys
      .filter((key) => key !== NOBODY)
      .toSorted((left, right) => left - right)
      .map((key) => this.get(key) as T);
  }

  /** Where the key is, or would be. */
  #placeOf(key: number): number {
    const mask = this.#keys.length - 1;
    let place = key & mask;
    while (this.#keys[place] !== key && this.#keys[place] !== NOBODY) place = (place + 1) & mask;
    return place;
  }

  /** Empties the place, and moves up those that would not be found behind an empty one. */
  #close(emptied: number): void {
    const keys = this.#keys;
    const values = this.#values;
    const mask = keys.length - 1;
    let empty = emptied;
    for (let place = (empty + 1) & mask; keys[place] !== NOBODY; place = (place + 1) & mask) {
      const key = keys[place] as number;
      const isBehind = ((place - key) & mask) >= ((place - empty) & mask);
      if (!isBehind) continue;
      keys[empty] = key;
      values[empty] = values[place];
      empty = place;
    }
    keys[empty] = NOBODY;
    values[empty] = undefined;
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    this.#keys = emptyKeys(2 * keys.length);
    this.#values = emptyValues(2 * keys.length);
    for (let place = 0; place < keys.length; place++) {
      const key = keys[place] as number;
      if (key === NOBODY) continue;
      const next = this.#placeOf(key);
      this.#keys[next] = key;
      this.#values[next] = values[place];
    }
  }
}

function emptyKeys(places: number): number[] {
  return Array.from({ length: places }, () => NOBODY);
}

function emptyValues<T>(places: number): (T | undefined)[] {
  return Array.from({ length: places }, () => undefined);
}
