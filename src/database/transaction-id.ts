/**
 * The names of transactions: the group that is asked for the outcome, the session that ran it, its
 * number within the session, and a secret, so that a name cannot be guessed and two transactions
 * that a crash gave the same numbers are still told apart.
 *
 *     0-1f-3a7-5b0c...(32 digits)     group, session, sequence, secret; all hexadecimal
 */

import { Fault } from "../base/fault.ts";
import type { Random } from "../world/world.ts";

export interface TransactionId {
  readonly session: number;
  readonly sequence: number;
  readonly secret: Uint8Array;
}

export const SECRET_BYTES = 16;
const POOL_BYTES = 4096;
/** A store on one node is one group. */
const GROUP = 0;
const PATTERN = /^0-([0-9a-f]{1,12})-([0-9a-f]{1,12})-([0-9a-f]{32})$/u;

export function formatTransactionId({ session, sequence, secret }: TransactionId): string {
  const digits = Array.from(secret, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${GROUP}-${session.toString(16)}-${sequence.toString(16)}-${digits}`;
}

export function parseTransactionId(text: string): TransactionId {
  const match = PATTERN.exec(text);
  if (match === null) {
    const message = `${JSON.stringify(text)} is no id of a transaction; pass what \`tx.id\` gave`;
    throw new Fault("ERR_ARGUMENT", message);
  }
  const [session = "", sequence = "", digits = ""] = match.slice(1);
  const secret = new Uint8Array(SECRET_BYTES);
  for (let index = 0; index < SECRET_BYTES; index++) {
    secret[index] = Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16);
  }
  return { session: Number.parseInt(session, 16), sequence: Number.parseInt(sequence, 16), secret };
}

/** Secrets, drawn many at a time. */
export class SecretSource {
  readonly #random: Random;
  #pool = new Uint8Array(POOL_BYTES);
  #used = POOL_BYTES;

  constructor(random: Random) {
    this.#random = random;
  }

  next(): Uint8Array {
    if (this.#used === POOL_BYTES) {
      // A pool of its own for each round: what was handed out stays as it is.
      this.#pool = new Uint8Array(POOL_BYTES);
      this.#random.fill(this.#pool);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += SECRET_BYTES;
    return this.#pool.subarray(at, this.#used);
  }
}
