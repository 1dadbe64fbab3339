/** What clients send, for tests, and what they are answered, as lines that a person can read. */

import { concatBytes } from "../base/bytes.ts";
import { decodeUtf8, encodeUtf8 } from "../base/utf8.ts";
import { CHUNK, OPTION, OPTION_REPLY } from "./protocol.ts";

const HIGH = 2 ** 32;

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value);
}

export function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

export function u64(value: number): Uint8Array {
  return concatBytes([u32(Math.floor(value / HIGH)), u32(value % HIGH)]);
}

/** A text with its length before it. */
export function counted(text: string): Uint8Array {
  const bytes = encodeUtf8(text);
  return concatBytes([u32(bytes.length), bytes]);
}

export function option(code: number, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  return concatBytes([encodeUtf8("IHAVEOPT"), u32(code), u32(data.length), data]);
}

/** The data of INFO and GO. */
export function infoData(name: string, kinds: readonly number[] = []): Uint8Array {
  return concatBytes([counted(name), u16(kinds.length), ...kinds.map(u16)]);
}

/** The data of LIST_META_CONTEXT and SET_META_CONTEXT. */
export function metaData(name: string, queries: readonly string[]): Uint8Array {
  return concatBytes([counted(name), u32(queries.length), ...queries.map(counted)]);
}

export interface RequestParts {
  readonly command: number;
  readonly cookie: number;
  readonly flags?: number;
  readonly at?: number;
  readonly byteCount?: number;
  readonly payload?: Uint8Array;
}

export function request(parts: RequestParts): Uint8Array {
  const { command, cookie, flags = 0, at = 0, payload = new Uint8Array(0) } = parts;
  const byteCount = parts.byteCount ?? payload.length;
  const header = [u32(0x25609513), u16(flags), u16(command), u64(cookie), u64(at), u32(byteCount)];
  return concatBytes([...header, payload]);
}

/** One message of the server as a line: its kind, what it answers, what is in it. */
export function describeMessage(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (view.getUint32(0)) {
    case 0x4e42444d:
      return `greeting, flags ${view.getUint16(16)}`;
    case 0x3e889:
      return describeOptionReply(view, bytes);
    case 0x67446698:
      return describeSimple(view, bytes);
    case 0x668e33ef:
      return describeChunk(view, bytes);
    default:
      return `export of ${readU64(view, 0)} bytes, flags ${view.getUint16(8)}, ${bytes.length}`;
  }
}

function describeOptionReply(view: DataView, bytes: Uint8Array): string {
  const to = nameOf(OPTION, view.getUint32(8));
  const type = view.getUint32(12);
  const length = view.getUint32(16);
  if (length !== bytes.length - 20) return `a reply to ${to} of a wrong length`;
  if (type >= 0x8000_0000) {
    return `${to}: error ${type - 0x8000_0000} "${decodeUtf8(bytes, 20)}"`;
  }
  const kind = nameOf(OPTION_REPLY, type);
  if (kind === "info") return `${to}: info ${describeInfo(view, bytes)}`;
  if (kind === "server") {
    const nameBytes = view.getUint32(20);
    return `${to}: server "${decodeUtf8(bytes, 24, nameBytes)}"`;
  }
  if (kind === "metaContext") {
    return `${to}: context ${view.getUint32(20)} "${decodeUtf8(bytes, 24)}"`;
  }
  return `${to}: ${kind}`;
}

function describeInfo(view: DataView, bytes: Uint8Array): string {
  switch (view.getUint16(20)) {
    case 0:
      return `export of ${readU64(view, 22)} bytes, flags ${view.getUint16(30)}`;
    case 3: {
      const sizes = [22, 26, 30].map((at) => view.getUint32(at));
      return `block sizes ${sizes.join(" ")}`;
    }
    default:
      return `${view.getUint16(20)} "${decodeUtf8(bytes, 22)}"`;
  }
}

function describeSimple(view: DataView, bytes: Uint8Array): string {
  const error = view.getUint32(4);
  const data = bytes.length > 16 ? `, ${bytes.length - 16} bytes` : "";
  return `${readU64(view, 8)}: simple, error ${error}${data}`;
}

function describeChunk(view: DataView, bytes: Uint8Array): string {
  const type = view.getUint16(6);
  const start = `${readU64(view, 8)}:${view.getUint16(4) === 1 ? "" : " (more follows)"}`;
  if (view.getUint32(16) !== bytes.length - 20) return `${start} a chunk of a wrong length`;
  switch (type) {
    case CHUNK.none:
      return `${start} done`;
    case CHUNK.data:
      return `${start} ${bytes.length - 28} bytes at ${readU64(view, 20)}`;
    case CHUNK.hole:
      return `${start} hole of ${view.getUint32(28)} at ${readU64(view, 20)}`;
    case CHUNK.blockStatus: {
      const extents: string[] = [];
      for (let at = 24; at < bytes.length; at += 8) {
        extents.push(`${view.getUint32(at)} ${view.getUint32(at + 4)}`);
      }
      return `${start} context ${view.getUint32(20)}: ${extents.join(", ")}`;
    }
    default:
      return `${start} error ${view.getUint32(20)} "${decodeUtf8(bytes, 26)}"`;
  }
}

function readU64(view: DataView, at: number): number {
  return view.getUint32(at) * HIGH + view.getUint32(at + 4);
}

function nameOf(table: Readonly<Record<string, number>>, value: number): string {
  return Object.entries(table).find(([, one]) => one === value)?.[0] ?? String(value);
}

/** What every client with manners sends before its requests. */
export function opening(name: string): Uint8Array {
  return concatBytes([
    u32(3),
    option(OPTION.structuredReply),
    option(OPTION.setMetaContext, metaData(name, ["base:allocation"])),
    option(OPTION.go, infoData(name)),
  ]);
}
