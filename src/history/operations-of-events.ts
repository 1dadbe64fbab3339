/**
 * Pairs calls with returns.
 *
 * What failed did not happen and is left out; what never returned, or returned `info`, may have
 * happened at any time after its call. So a read of which nobody knows the result is left out too.
 */

import { Fault } from "../base/fault.ts";
import type { HistoryEvent } from "./history-events.ts";
import { isArray, type Json } from "./json.ts";
import type { Operation } from "./operation-history.ts";

export interface PairingOptions {
  /** The names of operations that only read, and need not be kept where the result is unknown. */
  readonly reads: readonly string[];
  /** Whether a value is a pair of a key and the value proper. */
  readonly keyed: boolean;
}

/** Names under which histories know the operations of the models. */
const SAME_NAMES: Readonly<Record<string, string>> = {
  r: "read",
  w: "write",
  "compare-and-set": "cas",
};

export class OperationPairing {
  readonly #options: PairingOptions;
  readonly #open = new Map<Json, { readonly event: HistoryEvent; readonly called: number }>();
  readonly #operations: Operation[] = [];
  #moment = 0;

  constructor(options: PairingOptions) {
    this.#options = options;
  }

  add(event: HistoryEvent): void {
    const moment = this.#moment++;
    // The disturbances of the test itself are not operations.
    if (typeof event.process === "string" && event.process === "nemesis") return;
    const open = this.#open.get(event.process);
    if (event.type === "invoke") {
      if (open !== undefined) this.#close(open.event, undefined, open.called, Infinity);
      this.#open.set(event.process, { event, called: moment });
      return;
    }
    if (open === undefined) {
      throw new Fault(
        "ERR_FORMAT",
        `cannot pair event ${moment + 1}: process ${nameOf(event.process)} had called nothing`,
      );
    }
    this.#open.delete(event.process);
    if (event.type === "fail") return;
    const returned = event.type === "ok" ? moment : Infinity;
    this.#close(open.event, event.type === "ok" ? event : undefined, open.called, returned);
  }

  /** Call it once, after the last event. */
  finish(): readonly Operation[] {
    for (const { event, called } of this.#open.values()) {
      this.#close(event, undefined, called, Infinity);
    }
    const inOrder = this.#operations.toSorted((left, right) => left.called - right.called);
    return inOrder.map((operation, index) => ({ ...operation, index }));
  }

  #close(
    call: HistoryEvent,
    back: HistoryEvent | undefined,
    called: number,
    returned: number,
  ): void {
    const name = SAME_NAMES[call.name] ?? call.name;
    if (returned === Infinity && this.#options.reads.includes(name)) return;
    const { keyed } = this.#options;
    const { key, value: input } = splitValue(call, keyed);
    const output = back === undefined ? undefined : splitValue(back, keyed).value;
    this.#operations.push({
      index: 0,
      process: nameOf(call.process),
      key,
      name,
      input,
      output,
      called,
      returned,
    });
  }
}

/** The object that an event is about, "" where there is but one, and the value proper. */
export function splitValue(
  { key, value }: HistoryEvent,
  keyed: boolean,
): { readonly key: string; readonly value: Json } {
  if (key !== undefined) return { key: key === null ? "" : nameOf(key), value };
  if (!keyed || !isArray(value)) return { key: "", value };
  const [name = null, proper = null] = value;
  return { key: name === null ? "" : nameOf(name), value: proper };
}

function nameOf(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
