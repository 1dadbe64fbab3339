/**
 * What every embedded store is asked to do, and with what: keys of 16 bytes, values of 100. A
 * write is done when it would survive a loss of power, for each store in the way its own
 * documentation says.
 */

import { randomBytes } from "node:crypto";

export const VALUE_BYTES = 100;

const noise: Uint8Array = randomBytes(1 << 20);

export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface Peer {
  readonly name: string;
  open(directory: string): Promise<OpenPeer>;
}

export interface OpenPeer {
  /** The way for a single writer. */
  putAlone(entry: Entry): Promise<void>;
  /** The way for many writers at once. */
  put(entry: Entry): Promise<void>;
  /** Reads both values, moves 1 from the first to the second, writes both: all or nothing. */
  transfer(from: Uint8Array, to: Uint8Array): Promise<void>;
  /** The fastest way to look one key up; whether it was there. */
  get(key: Uint8Array): boolean | Promise<boolean>;
  /** The asynchronous way to look one key up. */
  getAwaited(key: Uint8Array): Promise<boolean>;
  /** Reads entries in order from the first on, at most `count`; how many there were. */
  scan(count: number): Promise<number>;
  /** Writes all entries in one durable transaction. */
  load(entries: readonly Entry[]): Promise<void>;
  close(): Promise<void>;
}

/** Distinct for distinct indexes below 2^32, and in no order. */
export function keyOf(index: number): Uint8Array {
  // Odd factors, so that each is a permutation of the numbers of 32 bits.
  const first = Math.imul(index, 0x9e3779b1) >>> 0;
  const second = Math.imul(first ^ (first >>> 15), 0x85ebca6b) >>> 0;
  return Buffer.from(hexOf(first) + hexOf(second), "latin1");
}

/**
 * A balance in the first four bytes, and random bytes after it: a value that compresses, or that
 * is written over itself unchanged, would be stored by some for next to nothing.
 */
export function valueOf(balance: number): Uint8Array {
  const at = Math.floor(Math.random() * (noise.length - VALUE_BYTES));
  const value = Uint8Array.prototype.slice.call(noise, at, at + VALUE_BYTES);
  setBalance(value, balance);
  return value;
}

export function balanceOf(value: Uint8Array): number {
  return new DataView(value.buffer, value.byteOffset).getInt32(0);
}

/** A copy of the value with so much more in it. */
export function withAdded(value: Uint8Array, amount: number): Uint8Array {
  const copy = Uint8Array.from(value);
  setBalance(copy, balanceOf(value) + amount);
  return copy;
}

function setBalance(value: Uint8Array, balance: number): void {
  new DataView(value.buffer, value.byteOffset).setInt32(0, balance);
}

function hexOf(value: number): string {
  return value.toString(16).padStart(8, "0");
}

/** Loads a module of bench/node_modules, whose types are not there when this is compiled. */
export async function loadPeer<Module>(name: string): Promise<Module> {
  return (await import(name)) as Module;
}
