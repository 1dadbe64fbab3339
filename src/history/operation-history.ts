/**
 * Histories of single operations on an object: what was called, what came back, and in which order
 * calls and returns were seen.
 */

import type { Json } from "./json.ts";

/** A call with what it returned, if it did. */
export interface Operation {
  /** Its place in the history, by the order of calls. */
  readonly index: number;
  readonly process: string;
  /** The object it is about, where there are several. */
  readonly key: string;
  readonly name: string;
  readonly input: Json;
  /** What came back; undefined where nobody knows. */
  readonly output: Json | undefined;
  /** The moments of the call and of the return: the numbers of the events. */
  readonly called: number;
  /** `Infinity`: it never returned, and may take effect at any later time. */
  readonly returned: number;
}

export function describeOperationOf({ process, name, input, output, returned }: Operation): string {
  const given = input === null ? "" : ` ${JSON.stringify(input)}`;
  const came = output === undefined ? "?" : JSON.stringify(output);
  const end = returned === Infinity ? " (never returned)" : "";
  return `${process}: ${name}${given} -> ${came}${end}`;
}
