/** The bytes of replies to options. */

import { concatBytes } from "../base/bytes.ts";
import { encodeUtf8 } from "../base/utf8.ts";
import {
  ALLOCATION_CONTEXT,
  EXPORT_FLAG,
  GREETING_BYTES,
  HANDSHAKE,
  INFO,
  INIT_MAGIC_HIGH,
  INIT_MAGIC_LOW,
  OPTION_MAGIC_HIGH,
  OPTION_MAGIC_LOW,
  OPTION_REPLY,
  OPTION_REPLY_HEADER_BYTES,
  type OptionError,
  REPLY_MAGIC_HIGH,
  REPLY_MAGIC_LOW,
} from "./protocol.ts";
import type { ExportFacts } from "./export.ts";

/** Follows the answer to EXPORT_NAME unless the client can do without. */
const PADDING_BYTES = 124;
const HIGH = 2 ** 32;
/** The protocol wants no less to be called preferred. */
const PREFERRED_BYTES_MIN = 512;

/** What there is to tell about an export. */
export interface Informed {
  readonly facts: ExportFacts;
  readonly structured: boolean;
  readonly requestBytesMax: number;
}

/** What the server says first. */
export function greeting(): Uint8Array {
  const bytes = new Uint8Array(GREETING_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, INIT_MAGIC_HIGH);
  view.setUint32(4, INIT_MAGIC_LOW);
  view.setUint32(8, OPTION_MAGIC_HIGH);
  view.setUint32(12, OPTION_MAGIC_LOW);
  view.setUint16(16, HANDSHAKE.fixedNewstyle | HANDSHAKE.noZeroes);
  return bytes;
}

export function acknowledgement(option: number): Uint8Array {
  return reply(option, OPTION_REPLY.ack, []);
}

export function optionError(option: number, error: OptionError, message: string): Uint8Array {
  return reply(option, error, [encodeUtf8(message)]);
}

/** An entry of LIST. */
export function listed(option: number, facts: ExportFacts): Uint8Array {
  const name = encodeUtf8(facts.name);
  return reply(option, OPTION_REPLY.server, [
    u32(name.length),
    name,
    encodeUtf8(facts.description),
  ]);
}

export function allocationContext(option: number, id: number): Uint8Array {
  return reply(option, OPTION_REPLY.metaContext, [u32(id), encodeUtf8(ALLOCATION_CONTEXT)]);
}

/** What INFO and GO tell before they are acknowledged. */
export function information(
  option: number,
  { facts, structured, requestBytesMax }: Informed,
  kinds: readonly number[],
): readonly Uint8Array[] {
  const told = [info(option, INFO.export, [exportLine(facts, structured)])];
  // Names and descriptions are for those who ask; what a request may be everybody should know.
  if (kinds.includes(INFO.name)) told.push(info(option, INFO.name, [encodeUtf8(facts.name)]));
  if (kinds.includes(INFO.description)) {
    told.push(info(option, INFO.description, [encodeUtf8(facts.description)]));
  }
  told.push(info(option, INFO.blockSize, blockSizes(facts, requestBytesMax)));
  return told;
}

/** The answer to EXPORT_NAME. */
export function exportAnswer(facts: ExportFacts, structured: boolean, padded: boolean): Uint8Array {
  const line = exportLine(facts, structured);
  return padded ? concatBytes([line, new Uint8Array(PADDING_BYTES)]) : line;
}

function exportLine(facts: ExportFacts, structured: boolean): Uint8Array {
  const bytes = new Uint8Array(10);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(facts.sizeBytes / HIGH));
  view.setUint32(4, facts.sizeBytes % HIGH);
  view.setUint16(8, exportFlags(facts, structured));
  return bytes;
}

/**
 * Several connections may share an export: all of them write to one volume without a cache of
 * their own, and a flush covers what was answered on any.
 */
function exportFlags({ readOnly, sparse }: ExportFacts, structured: boolean): number {
  let flags = EXPORT_FLAG.hasFlags | EXPORT_FLAG.flush | EXPORT_FLAG.multiConnection;
  flags |= EXPORT_FLAG.cache | EXPORT_FLAG.forceUnitAccess;
  if (structured) flags |= EXPORT_FLAG.dontFragment;
  if (readOnly) return flags | EXPORT_FLAG.readOnly;
  flags |= EXPORT_FLAG.writeZeroes | EXPORT_FLAG.fastZero;
  return sparse ? flags | EXPORT_FLAG.trim : flags;
}

/** Any alignment is served; whole write units are served without reading before writing. */
function blockSizes(
  { writeUnitBytes }: ExportFacts,
  requestBytesMax: number,
): readonly Uint8Array[] {
  const preferredBytes = Math.max(PREFERRED_BYTES_MIN, writeUnitBytes);
  return [u32(1), u32(preferredBytes), u32(requestBytesMax)];
}

function info(option: number, kind: number, parts: readonly Uint8Array[]): Uint8Array {
  return reply(option, OPTION_REPLY.info, [Uint8Array.of(kind >>> 8, kind), ...parts]);
}

function reply(option: number, type: number, parts: readonly Uint8Array[]): Uint8Array {
  const header = new Uint8Array(OPTION_REPLY_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(0, REPLY_MAGIC_HIGH);
  view.setUint32(4, REPLY_MAGIC_LOW);
  view.setUint32(8, option);
  view.setUint32(12, type);
  view.setUint32(
    16,
    parts.reduce((sum, part) => sum + part.length, 0),
  );
  return concatBytes([header, ...parts]);
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}
