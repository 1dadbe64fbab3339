/** The platform's own way to end what is under way, which every platform has. */

import { must } from "./assert.ts";

export interface AbortSource {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
}

type AbortSourceClass = new () => AbortSource;

/** An `AbortController`, under a name that does not clash with the platform's own types. */
export function makeAbortSource(): AbortSource {
  const found: unknown = Reflect.get(globalThis, "AbortController");
  const Source = must(found as AbortSourceClass | undefined, "the platform has AbortController");
  return new Source();
}
