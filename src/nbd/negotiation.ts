/**
 * The haggling over options, as one side's values in and the other's bytes out.
 *
 * It guarantees that
 *
 *  1. where TLS is required, nothing is told or chosen without it;
 *  2. what was agreed on before TLS is forgotten when it begins, since somebody in the middle may
 *     have said it;
 *  3. a context of metadata counts for the export alone that it was chosen with;
 *  4. what is unknown or malformed is answered by an error, and the haggling goes on. Only
 *     EXPORT_NAME, to which there is no error reply, ends the connection.
 */

import { assert } from "../base/assert.ts";
import type { ExportFacts } from "./export.ts";
import {
  type MetaContextData,
  readExportName,
  readInfoData,
  readMetaContextData,
} from "./option-data.ts";
import {
  acknowledgement,
  allocationContext,
  exportAnswer,
  information,
  listed,
  optionError,
} from "./option-reply.ts";
import {
  ALLOCATION_CONTEXT,
  ALLOCATION_CONTEXT_ID,
  HANDSHAKE,
  OPTION,
  OPTION_ERROR,
  type OptionError,
} from "./protocol.ts";
import type { TlsPolicy } from "./settings.ts";

export interface NegotiationOptions<Export extends ExportFacts> {
  readonly exports: readonly Export[];
  readonly tls: TlsPolicy;
  readonly listsExports: boolean;
  readonly requestBytesMax: number;
}

export interface Agreement<Export extends ExportFacts> {
  readonly export: Export;
  readonly structured: boolean;
  readonly tellsAllocation: boolean;
}

export type NegotiationStep<Export extends ExportFacts> =
  /** The replies are sent, and the next option awaited. */
  | { readonly kind: "go on"; readonly replies: readonly Uint8Array[] }
  | { readonly kind: "start tls"; readonly replies: readonly Uint8Array[] }
  | {
      readonly kind: "agreed";
      readonly replies: readonly Uint8Array[];
      readonly agreement: Agreement<Export>;
    }
  /** The connection ends when the replies are out. */
  | { readonly kind: "end"; readonly replies: readonly Uint8Array[]; readonly reason: string };

type Step<Export extends ExportFacts> = NegotiationStep<Export>;

const BASE_NAMESPACE = "base:";

export class Negotiation<Export extends ExportFacts> {
  readonly #options: NegotiationOptions<Export>;
  #clientFlags = 0;
  #secure = false;
  #structured = false;
  /** The name of the export that `base:allocation` was chosen for. */
  #allocationOf: string | undefined;

  constructor(options: NegotiationOptions<Export>) {
    this.#options = options;
  }

  /** Takes the client's first word; false if it wants what was not offered. */
  takeClientFlags(flags: number): boolean {
    this.#clientFlags = flags;
    return (flags & ~(HANDSHAKE.fixedNewstyle | HANDSHAKE.noZeroes)) === 0;
  }

  /** TLS has begun. */
  secured(): void {
    assert(!this.#secure, "a connection is secured once");
    this.#secure = true;
    this.#structured = false;
    this.#allocationOf = undefined;
  }

  step(option: number, data: Uint8Array): Step<Export> {
    if (option === OPTION.abort) {
      return { kind: "end", replies: [acknowledgement(option)], reason: "the client left" };
    }
    if (option === OPTION.startTls) return this.#startTls(data);
    if (option === OPTION.exportName) return this.#exportName(data);
    if (this.#needsTls) {
      return refuse(option, OPTION_ERROR.tlsRequired, "this server is for TLS only: begin with it");
    }
    return this.#openOption(option, data);
  }

  /** An option with more data than is looked at. */
  tooBig(option: number): Step<Export> {
    if (option === OPTION.exportName) return this.#exportName(undefined);
    return refuse(option, OPTION_ERROR.tooBig, "this is too long");
  }

  get #needsTls(): boolean {
    return this.#options.tls === "required" && !this.#secure;
  }

  #openOption(option: number, data: Uint8Array): Step<Export> {
    switch (option) {
      case OPTION.list:
        return this.#list(data);
      case OPTION.info:
      case OPTION.go:
        return this.#info(option, data);
      case OPTION.structuredReply:
        return this.#structuredReply(data);
      case OPTION.listMetaContext:
      case OPTION.setMetaContext:
        return this.#metaContext(option, data);
      default:
        return refuse(option, OPTION_ERROR.unsupported, `there is no option ${option} here`);
    }
  }

  #startTls(data: Uint8Array): Step<Export> {
    const option = OPTION.startTls;
    if (this.#options.tls === "off") {
      return refuse(option, OPTION_ERROR.unsupported, "this server has no certificate for TLS");
    }
    if (this.#secure) return refuse(option, OPTION_ERROR.invalid, "TLS is on already");
    if (data.length > 0) return refuse(option, OPTION_ERROR.invalid, NO_DATA);
    return { kind: "start tls", replies: [acknowledgement(option)] };
  }

  #exportName(data: Uint8Array | undefined): Step<Export> {
    const name = data === undefined ? undefined : readExportName(data);
    const found = name === undefined || this.#needsTls ? undefined : this.#find(name);
    if (found === undefined) {
      return { kind: "end", replies: [], reason: "it asked for an export that it can't have" };
    }
    const padded = (this.#clientFlags & HANDSHAKE.noZeroes) === 0;
    const replies = [exportAnswer(found, this.#structured, padded)];
    return { kind: "agreed", replies, agreement: this.#agreement(found) };
  }

  #list(data: Uint8Array): Step<Export> {
    const option = OPTION.list;
    if (data.length > 0) return refuse(option, OPTION_ERROR.invalid, NO_DATA);
    if (!this.#options.listsExports) {
      return refuse(option, OPTION_ERROR.policy, "exports are not listed here: ask by name");
    }
    const replies = this.#options.exports.map((one) => listed(option, one));
    return { kind: "go on", replies: [...replies, acknowledgement(option)] };
  }

  #info(option: number, data: Uint8Array): Step<Export> {
    const wanted = readInfoData(data);
    if (wanted === undefined) return refuse(option, OPTION_ERROR.invalid, MALFORMED);
    const found = this.#find(wanted.exportName);
    if (found === undefined) return refuse(option, OPTION_ERROR.unknown, NO_EXPORT);

    const { requestBytesMax } = this.#options;
    const about = { facts: found, structured: this.#structured, requestBytesMax };
    const told = information(option, about, wanted.kinds);
    const replies = [...told, acknowledgement(option)];
    if (option === OPTION.info) return { kind: "go on", replies };
    return { kind: "agreed", replies, agreement: this.#agreement(found) };
  }

  #structuredReply(data: Uint8Array): Step<Export> {
    const option = OPTION.structuredReply;
    if (data.length > 0) return refuse(option, OPTION_ERROR.invalid, NO_DATA);
    this.#structured = true;
    return { kind: "go on", replies: [acknowledgement(option)] };
  }

  #metaContext(option: number, data: Uint8Array): Step<Export> {
    if (!this.#structured) {
      return refuse(option, OPTION_ERROR.invalid, "agree on structured replies before");
    }
    const sets = option === OPTION.setMetaContext;
    // What was chosen before is gone, whatever comes of this.
    if (sets) this.#allocationOf = undefined;
    const wanted = readMetaContextData(data);
    if (wanted === undefined) return refuse(option, OPTION_ERROR.invalid, MALFORMED);
    const found = this.#find(wanted.exportName);
    if (found === undefined) return refuse(option, OPTION_ERROR.unknown, NO_EXPORT);

    if (!(sets ? selectsAllocation(wanted) : listsAllocation(wanted))) {
      return { kind: "go on", replies: [acknowledgement(option)] };
    }
    if (sets) this.#allocationOf = found.name;
    const context = allocationContext(option, sets ? ALLOCATION_CONTEXT_ID : 0);
    return { kind: "go on", replies: [context, acknowledgement(option)] };
  }

  /** The empty name stands for the only export, where there is one. */
  #find(name: string): Export | undefined {
    const { exports } = this.#options;
    const found = exports.find((one) => one.name === name);
    if (found !== undefined || name !== "" || exports.length !== 1) return found;
    return exports[0];
  }

  #agreement(chosen: Export): Agreement<Export> {
    const tellsAllocation = this.#allocationOf === chosen.name;
    return { export: chosen, structured: this.#structured, tellsAllocation };
  }
}

const NO_DATA = "this option has no data";
const MALFORMED = "the lengths in this option do not fit together, or a text is not UTF-8";
const NO_EXPORT = "there is no export of this name";

function refuse<Export extends ExportFacts>(
  option: number,
  error: OptionError,
  message: string,
): Step<Export> {
  return { kind: "go on", replies: [optionError(option, error, message)] };
}

function selectsAllocation({ queries }: MetaContextData): boolean {
  return queries.includes(ALLOCATION_CONTEXT);
}

function listsAllocation({ queries }: MetaContextData): boolean {
  if (queries.length === 0) return true;
  return queries.some((query) => query === ALLOCATION_CONTEXT || query === BASE_NAMESPACE);
}
