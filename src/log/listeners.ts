/**
 * Functions that want to hear of something, called in the order in which they were added. One that
 * is added or taken away during a call takes effect with the next.
 */

export class Listeners<T> {
  #listeners: readonly ((value: T) => void)[] = [];

  /** Returns how to stop. */
  add(listener: (value: T) => void): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  call(value: T): void {
    for (const listener of this.#listeners) listener(value);
  }
}
