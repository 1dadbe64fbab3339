/**
 * The World: the one seam between Holdfast and everything outside it. `host/` implements it on
 * Node, `simulation/` in one thread on virtual time from one seed. Nothing in between can know
 * which one it was given.
 */

import type { Files } from "./files.ts";
import type { Network } from "./network.ts";

export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly network: Network;
  readonly checksums: Checksums;
  readonly trace: Trace;
  /** Who this process is, for lock files and messages. */
  readonly process: ProcessIdentity;
}

export interface ProcessIdentity {
  readonly host: string;
  readonly pid: number;
  /** Changes with every start of the machine. */
  readonly bootId: string;
  /** When this process started, in milliseconds since 1970. */
  readonly startedMs: number;
  /** How much memory the process may use at most, in bytes. */
  readonly memoryBytes: number;
}

export interface Clock {
  /** Milliseconds since 1970, whole; never goes back within a process. For stored deadlines. */
  wallMs(): number;
  /**
   * From here on `wallMs` is at least this, and goes on from there: a store is not to see time go
   * back because the clock of the machine was set back between two processes.
   */
  startFrom(wallMs: number): void;
  /** Milliseconds since an unknown start; never goes back. Use it for durations. */
  monotonicMs(): number;
  /** Calls `fire` once, `delayMs` from now, unless the returned function is called first. */
  after(delayMs: number, fire: () => void): () => void;
  /** Calls `fire` once, after the input that is ready in this turn has been handled. */
  soon(fire: () => void): void;
}

export interface Random {
  /** A natural number less than `limit`, which is at most 2^32. */
  below(limit: number): number;
  /** Fills `target`. On the host these bytes are fit for secrets. */
  fill(target: Uint8Array): void;
  /** An independent stream: drawing from it does not shift what other streams give. */
  stream(name: string): Random;
}

export interface Checksums {
  /** CRC-32 with zlib's polynomial, continued from `seed` (0 to begin). */
  crc32(bytes: Uint8Array, seed: number): number;
  /**
   * XXH64 of `bytes` with the 64-bit seed `(seedHigh, seedLow)`. The result's low and high 32 bits
   * are left in `xxh64Low` and `xxh64High`, as unsigned numbers, so that nothing is allocated.
   */
  xxh64(bytes: Uint8Array, seedLow: number, seedHigh: number): void;
  readonly xxh64Low: number;
  readonly xxh64High: number;
}

export interface Trace {
  /** Records that something happened. Free where nobody listens. */
  event(name: string, fields?: Readonly<Record<string, unknown>>): void;
}
