/**
 * Faults of storage as data: rules that say which operations are struck, and by what. A plan can
 * be printed, shortened and replayed; files of the simulation and faulty volumes both obey it.
 */

import { assert } from "../base/assert.ts";

/** `durable` is a write that is durable when it ends. The others are named as in `Files`. */
export type StorageOperation =
  | "read"
  | "write"
  | "durable"
  | "sync"
  | "grow"
  | "truncate"
  | "open"
  | "close"
  | "size"
  | "rename"
  | "link"
  | "remove"
  | "makeDirectory"
  | "syncDirectory"
  | "list"
  | "kind"
  | "freeBytes";

export type StorageFault =
  /** The operation fails, with nothing done. After a sync that fails, what it was to make durable
   * is counted as clean: no later sync will try it again. */
  | { readonly kind: "error" }
  /** There is no room. */
  | { readonly kind: "full" }
  /** The first bytes are written, then the operation fails. */
  | { readonly kind: "short"; readonly keptBytes: number }
  /** The operation says that it was done, and was not. */
  | { readonly kind: "lost" }
  /** It is done that many bytes further on, or as many before where there is no room. */
  | { readonly kind: "misdirected"; readonly byBytes: number }
  /** Bits of what is stored in the range flip, for ever; then the operation goes on. */
  | { readonly kind: "rot"; readonly bitCount: number }
  /** The sectors of the range cannot be read until they are written again. */
  | { readonly kind: "unreadable" }
  /** It takes that much longer. */
  | { readonly kind: "slow"; readonly delayMs: number }
  /** It does not end until the plan's stalls are released. */
  | { readonly kind: "stalled" }
  /** The process dies, or its machine, before the operation is done; it never ends. */
  | { readonly kind: "crash"; readonly how: "process" | "power" };

export interface ByteRange {
  readonly at: number;
  readonly length: number;
}

export interface FaultRule {
  readonly operations: readonly StorageOperation[];
  /** Strikes only what touches this path; each, if undefined. */
  readonly path?: string | undefined;
  /** Strikes only what touches these bytes; each, if undefined. */
  readonly range?: ByteRange | undefined;
  /** How many that match pass first. */
  readonly skip: number;
  /** How many are struck then. */
  readonly count: number | "forever";
  readonly fault: StorageFault;
}

export interface StruckOperation {
  readonly operation: StorageOperation;
  readonly path: string;
  readonly at: number;
  readonly length: number;
}

/** A fault and the bytes that its rule is about: all that the operation touches, by default. */
export interface Strike {
  readonly fault: StorageFault;
  readonly range: ByteRange;
}

interface Rule {
  readonly data: FaultRule;
  matched: number;
  /** What of an unreadable range was not written again. */
  bad: readonly ByteRange[];
}

export class FaultPlan {
  #rules: Rule[] = [];
  #released: (() => void)[] = [];
  #operationCount = 0;
  #struckCount = 0;

  constructor(rules: readonly FaultRule[] = []) {
    for (const rule of rules) this.add(rule);
  }

  /** How many operations there were, struck or not. */
  get operationCount(): number {
    return this.#operationCount;
  }

  /** How many of them were struck. */
  get struckCount(): number {
    return this.#struckCount;
  }

  /** Adds a rule; it counts from now on. */
  add(rule: FaultRule): void {
    assert(0 <= rule.skip, "a rule skips a natural number of operations");
    const needsRange = rule.fault.kind === "unreadable";
    assert(!needsRange || rule.range !== undefined, "what is unreadable is a range");
    this.#rules.push({
      data: rule,
      matched: 0,
      bad: needsRange && rule.range !== undefined ? [rule.range] : [],
    });
  }

  /** Drops a rule that was added. */
  remove(rule: FaultRule): void {
    this.#rules = this.#rules.filter(({ data }) => data !== rule);
  }

  /** Drops all rules, and lets go on what was stalled. */
  clear(): void {
    this.#rules = [];
    this.release();
  }

  /** Lets all stalled operations go on. */
  release(): void {
    for (const resume of this.#released.splice(0)) resume();
  }

  /** Calls `resume` when the stalls are released. */
  onRelease(resume: () => void): void {
    this.#released.push(resume);
  }

  /** What strikes the operation; of several rules the one that was added first. */
  strike(operation: StruckOperation): Strike | undefined {
    this.#operationCount++;
    let first: Strike | undefined;
    for (const rule of this.#rules) {
      const strike = strikeBy(rule, operation);
      first ??= strike;
    }
    if (first !== undefined) this.#struckCount++;
    return first;
  }

  /** Bytes were written, so that what was unreadable there is readable again. */
  written(path: string, at: number, length: number): void {
    for (const rule of this.#rules) {
      if (rule.data.path !== undefined && rule.data.path !== path) continue;
      rule.bad = rule.bad.flatMap((range) => without(range, { at, length }));
    }
  }
}

function strikeBy(rule: Rule, operation: StruckOperation): Strike | undefined {
  const { operations, path, range, skip, count, fault } = rule.data;
  if (!operations.includes(operation.operation)) return undefined;
  if (path !== undefined && path !== operation.path) return undefined;

  const touched: ByteRange = { at: operation.at, length: operation.length };
  if (fault.kind === "unreadable") {
    return rule.bad.some((bad) => overlap(bad, touched)) ? { fault, range: touched } : undefined;
  }
  if (range !== undefined && !overlap(range, touched)) return undefined;
  const index = rule.matched++;
  if (index < skip || (count !== "forever" && skip + count <= index)) return undefined;
  return { fault, range: range ?? touched };
}

function overlap(left: ByteRange, right: ByteRange): boolean {
  return left.at < right.at + right.length && right.at < left.at + left.length;
}

function without(range: ByteRange, hole: ByteRange): readonly ByteRange[] {
  const end = range.at + range.length;
  const holeEnd = hole.at + hole.length;
  const before = { at: range.at, length: Math.min(end, hole.at) - range.at };
  const after = { at: Math.max(range.at, holeEnd), length: end - Math.max(range.at, holeEnd) };
  return [before, after].filter(({ length }) => 0 < length);
}
