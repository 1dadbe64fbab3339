/** Whether a client knows the password, and how often one may guess. */

import { encodeUtf8 } from "../base/utf8.ts";

/** So many wrong passwords in a row cost nothing. */
const FREE_FAILURES = 4;
const FIRST_WAIT_MS = 100;
const WAIT_MS_MAX = 10_000;

/**
 * Compares every byte of what was given, whether or not an earlier one was wrong, so that the time
 * it takes tells nothing.
 */
export function isPassword(given: Uint8Array, password: string): boolean {
  const secret = encodeUtf8(password);
  let difference = given.length ^ secret.length;
  for (let index = 0; index < given.length; index++) {
    difference |= (given[index] as number) ^ (secret[index % secret.length] ?? 0);
  }
  return difference === 0;
}

interface Failures {
  count: number;
  untilMs: number;
}

/**
 * Makes a host that gives wrong passwords wait, twice as long each time. What it gives while it is
 * to wait is not looked at. Of the hosts that guess, the newest are remembered.
 */
export class AuthLimiter {
  readonly #hostCountMax: number;
  readonly #hosts = new Map<string, Failures>();

  constructor(hostCountMax: number) {
    this.#hostCountMax = hostCountMax;
  }

  /** For how long nothing that this host gives is looked at. */
  refusedForMs(host: string, nowMs: number): number {
    return Math.max(0, (this.#hosts.get(host)?.untilMs ?? 0) - nowMs);
  }

  failed(host: string, nowMs: number): void {
    const count = (this.#hosts.get(host)?.count ?? 0) + 1;
    const doublings = count - FREE_FAILURES - 1;
    const waitMs = doublings < 0 ? 0 : Math.min(WAIT_MS_MAX, FIRST_WAIT_MS * 2 ** doublings);
    this.#hosts.delete(host);
    if (this.#hosts.size === this.#hostCountMax) {
      for (const oldest of this.#hosts.keys()) {
        this.#hosts.delete(oldest);
        break;
      }
    }
    this.#hosts.set(host, { count, untilMs: nowMs + waitMs });
  }

  succeeded(host: string): void {
    this.#hosts.delete(host);
  }
}
