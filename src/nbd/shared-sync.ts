/**
 * Syncs of one volume, shared by all who ask at once. Whoever asks gets a sync that began after
 * the question; those who ask while one runs share the next.
 */

export class SharedSync {
  readonly #sync: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  async run(): Promise<void> {
    if (this.#running === undefined) await this.#begin();
    else await (this.#next ??= this.#beginAfter(this.#running));
  }

  #begin(): Promise<void> {
    this.#next = undefined;
    const running = this.#sync().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #beginAfter(running: Promise<void>): Promise<void> {
    // How that one ended is told to those who asked for it.
    await running.catch(() => undefined);
    await this.#begin();
  }
}
