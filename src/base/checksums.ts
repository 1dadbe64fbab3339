/**
 * The two checksums of everything that is stored or sent, as one object to hand around. What is
 * made here equals the definitions in `crc32.ts` and `xxh64.ts` to the last bit, however it is
 * computed. Nothing is allocated per checksum.
 */

import { AssertionFailure } from "./assert.ts";
import { type Crc32, crc32 } from "./crc32.ts";
import { vectorCrc32 } from "./crc32-wasm.ts";
import { WasmXxh64 } from "./xxh64-wasm.ts";
import { PlainXxh64, type Xxh64 } from "./xxh64.ts";

/** Below this many bytes a call out of the engine costs more than native code saves. */
const NATIVE_BYTES_MIN = 256;

/** Has the shape of the World's `Checksums`. */
export class ChecksumSet {
  /** Continues from `seed`, 0 to begin. */
  readonly crc32: Crc32;
  readonly #xxh64: Xxh64;

  constructor(cyclic: Crc32, xxh64: Xxh64) {
    this.crc32 = cyclic;
    this.#xxh64 = xxh64;
  }

  /** The low 32 bits of the last `xxh64`, unsigned. */
  get xxh64Low(): number {
    return this.#xxh64.low;
  }

  /** The high 32 bits of the last `xxh64`, unsigned. */
  get xxh64High(): number {
    return this.#xxh64.high;
  }

  /** XXH64 with the 64-bit seed `(seedHigh, seedLow)`, which is left in the two fields. */
  xxh64(bytes: Uint8Array, seedLow: number, seedHigh: number): void {
    this.#xxh64.hash(bytes, seedLow, seedHigh);
  }
}

/** Plain code alone: the definition, and the same on every platform. */
export function plainChecksums(): ChecksumSet {
  return new ChecksumSet(crc32, new PlainXxh64());
}

/** The fastest there is here; a platform with a native CRC-32 passes it. */
export function bestChecksums(nativeCrc32?: Crc32): ChecksumSet {
  const byTables = nativeCrc32 === undefined ? crc32 : chosenCrc32(nativeCrc32);
  if (typeof WebAssembly === "undefined") return new ChecksumSet(byTables, new PlainXxh64());
  return new ChecksumSet(withVectors(byTables), new WasmXxh64());
}

function chosenCrc32(native: Crc32): Crc32 {
  return (bytes, seed) =>
    bytes.length < NATIVE_BYTES_MIN ? crc32(bytes, seed) : native(bytes, seed);
}

function withVectors(byTables: Crc32): Crc32 {
  try {
    return vectorCrc32(byTables);
  } catch (error) {
    if (error instanceof AssertionFailure) throw error;
    return byTables;
  }
}
