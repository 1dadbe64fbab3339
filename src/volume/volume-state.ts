/**
 * What every volume must remember to keep the rules of `Volume`: that it was closed, and the fault
 * that failed it for ever.
 */

import { assert } from "../base/assert.ts";
import { Fault, isFault, messageOf } from "../base/fault.ts";

export class VolumeState {
  readonly #name: string;
  #failure: Fault | undefined;
  #closed = false;

  constructor(name: string) {
    this.#name = name;
  }

  get failure(): Fault | undefined {
    return this.#failure;
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
  }

  /** Throws if the volume is closed. */
  checkOpen(): void {
    if (!this.#closed) return;
    const message = `Cannot use the volume "${this.#name}": it is closed; open it again`;
    throw new Fault("ERR_CLOSED", message, { volume: this.#name });
  }

  /** Throws if the volume is closed or has failed, which forbids writes and syncs for ever. */
  checkWritable(): void {
    this.checkOpen();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Takes note of a write or sync that failed, and returns the fault to throw. Where there was
   * merely no room, nothing is in doubt, and the volume goes on.
   */
  failed(error: unknown): Fault {
    if (isFault(error, "ERR_FULL") || isFault(error, "ERR_CLOSED")) return error;
    this.#failure ??= isFault(error)
      ? error
      : new Fault("ERR_IO", `The volume "${this.#name}" failed: ${messageOf(error)}`, {}, error);
    return this.#failure;
  }

  /**
   * Takes note of a sync that failed, and returns the fault to throw. If it found no room, too: of
   * what was written before some is lost then, and no later sync would try that again.
   */
  syncFailed(error: unknown): Fault {
    if (!isFault(error, "ERR_FULL")) return this.failed(error);
    const message = `The volume "${this.#name}" failed in a sync: ${error.message}`;
    return this.failed(new Fault("ERR_IO", message, {}, error));
  }
}

/** Reading past the end is a fault: what points there may have come from a disk that lies. */
export function checkReadable(name: string, sizeBytes: number, at: number, length: number): void {
  if (0 <= at && at + length <= sizeBytes) return;
  const range = `${length} bytes at ${at}`;
  const message = `Cannot read ${range} of "${name}": it ends at ${sizeBytes}`;
  throw new Fault("ERR_IO", message, { volume: name, at, length });
}

/** Writing past the end is our own mistake, since nobody writes where they did not grow. */
export function assertWithin(sizeBytes: number, at: number, length: number): void {
  assert(0 <= at && at + length <= sizeBytes, "a write lies within its volume");
}

export function assertWriteUnit(writeUnitBytes: number): void {
  const powerOfTwo = 0 < writeUnitBytes && (writeUnitBytes & (writeUnitBytes - 1)) === 0;
  assert(powerOfTwo, "the write unit is a power of two");
}
