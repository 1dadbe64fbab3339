/**
 * The data of options, read with suspicion: every length in it is checked against what is there,
 * and all of it must have a meaning. What is wrong gives undefined.
 */

import { isFault } from "../base/fault.ts";
import { decodeUtf8 } from "../base/utf8.ts";
import { EXPORT_NAME_BYTES_MAX } from "./settings.ts";

export interface InfoData {
  readonly exportName: string;
  /** The kinds of information that are asked for. */
  readonly kinds: readonly number[];
}

export interface MetaContextData {
  readonly exportName: string;
  readonly queries: readonly string[];
}

/** The data of INFO and of GO: a name, and which information is wanted. */
export function readInfoData(data: Uint8Array): InfoData | undefined {
  const reader = new DataReader(data);
  const exportName = reader.text();
  const count = reader.u16();
  const kinds: number[] = [];
  for (let index = 0; index < count && !reader.failed; index++) kinds.push(reader.u16());
  return reader.isAtEnd ? { exportName, kinds } : undefined;
}

/** The data of LIST_META_CONTEXT and SET_META_CONTEXT: a name, and queries. */
export function readMetaContextData(data: Uint8Array): MetaContextData | undefined {
  const reader = new DataReader(data);
  const exportName = reader.text();
  const count = reader.u32();
  const queries: string[] = [];
  for (let index = 0; index < count && !reader.failed; index++) queries.push(reader.text());
  return reader.isAtEnd ? { exportName, queries } : undefined;
}

/** The name of an export, or undefined if it is none. */
export function readExportName(data: Uint8Array): string | undefined {
  if (EXPORT_NAME_BYTES_MAX < data.length) return undefined;
  try {
    return decodeUtf8(data);
  } catch (error) {
    if (isFault(error, "ERR_CORRUPT")) return undefined;
    throw error;
  }
}

/** Reads on until something is not there; from then on everything is empty. */
class DataReader {
  readonly #data: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #failed = false;

  constructor(data: Uint8Array) {
    this.#data = data;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  get failed(): boolean {
    return this.#failed;
  }

  get isAtEnd(): boolean {
    return !this.#failed && this.#at === this.#data.length;
  }

  u16(): number {
    const at = this.#advance(2);
    return at === undefined ? 0 : this.#view.getUint16(at);
  }

  u32(): number {
    const at = this.#advance(4);
    return at === undefined ? 0 : this.#view.getUint32(at);
  }

  /** A length and so many bytes of UTF-8. */
  text(): string {
    const byteCount = this.u32();
    const at = this.#advance(byteCount);
    if (at === undefined) return "";
    const text = readExportName(this.#data.subarray(at, at + byteCount));
    if (text === undefined) this.#failed = true;
    return text ?? "";
  }

  #advance(byteCount: number): number | undefined {
    if (this.#failed || this.#data.length - this.#at < byteCount) {
      this.#failed = true;
      return undefined;
    }
    const at = this.#at;
    this.#at += byteCount;
    return at;
  }
}
