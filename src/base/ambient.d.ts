/**
 * The few things of the platform that core code needs and that ECMAScript's own library does not
 * declare. Everything else outside comes through the World.
 */

interface AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

interface SymbolConstructor {
  readonly asyncDispose: unique symbol;
}

interface AsyncDisposable {
  [Symbol.asyncDispose](): PromiseLike<void>;
}

/** As much of WebAssembly as the kernels need; absent on some platforms, so ask with `typeof`. */
declare namespace WebAssembly {
  const Module: new (bytes: Uint8Array) => object;
  const Instance: new (module: object) => { readonly exports: Readonly<Record<string, unknown>> };
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
  const Memory: new (size: { readonly initial: number; readonly maximum: number }) => Memory;
}
