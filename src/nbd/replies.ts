/**
 * The bytes of replies to requests: simple ones, and structured ones where the client took those.
 *
 * With structured replies everything that can go wrong is told in words too; without, the number
 * of the error has to do. What was read is not copied: its header is written before it.
 */

import { assert, unreachable } from "../base/assert.ts";
import { encodeUtf8 } from "../base/utf8.ts";
import {
  ALLOCATION_CONTEXT_ID,
  CHUNK,
  CHUNK_FLAG_DONE,
  CHUNK_HEADER_BYTES,
  EXTENT_FLAG,
  SIMPLE_HEADER_BYTES,
  SIMPLE_MAGIC,
  STRUCTURED_MAGIC,
} from "./protocol.ts";
import { type Extent, FRAME_ROOM_BYTES, type Outcome } from "./request.ts";

/** Which request is answered. */
export interface Cookie {
  readonly cookieHigh: number;
  readonly cookieLow: number;
}

/** Where a read began, which a structured reply repeats. */
export interface Answered extends Cookie {
  readonly at: number;
}

const OFFSET_BYTES = 8;
const MESSAGE_BYTES_MAX = 1024;
const HIGH = 2 ** 32;

assert(CHUNK_HEADER_BYTES + OFFSET_BYTES === FRAME_ROOM_BYTES, "the header of data fits its room");

export function encodeReply(to: Answered, outcome: Outcome, structured: boolean): Uint8Array {
  return structured ? encodeStructured(to, outcome) : encodeSimple(to, outcome);
}

function encodeSimple(to: Cookie, outcome: Outcome): Uint8Array {
  switch (outcome.kind) {
    case "done":
      return simpleHeader(new Uint8Array(SIMPLE_HEADER_BYTES), to, 0);
    case "data":
      return simpleHeader(outcome.frame.subarray(FRAME_ROOM_BYTES - SIMPLE_HEADER_BYTES), to, 0);
    case "hole":
      return simpleHeader(new Uint8Array(SIMPLE_HEADER_BYTES + outcome.byteCount), to, 0);
    case "refused":
      return simpleHeader(new Uint8Array(SIMPLE_HEADER_BYTES), to, outcome.error);
    case "extents":
      throw new TypeError("extents are told to those who take structured replies");
    default:
      return unreachable(outcome);
  }
}

function simpleHeader(target: Uint8Array, to: Cookie, error: number): Uint8Array {
  const view = viewOf(target);
  view.setUint32(0, SIMPLE_MAGIC);
  view.setUint32(4, error);
  view.setUint32(8, to.cookieHigh);
  view.setUint32(12, to.cookieLow);
  return target;
}

function encodeStructured(to: Answered, outcome: Outcome): Uint8Array {
  switch (outcome.kind) {
    case "done":
      return chunk(new Uint8Array(CHUNK_HEADER_BYTES), to, CHUNK.none);
    case "data":
      setOffset(viewOf(outcome.frame), CHUNK_HEADER_BYTES, to.at);
      return chunk(outcome.frame, to, CHUNK.data);
    case "hole":
      return hole(to, outcome.byteCount);
    case "extents":
      return extents(to, outcome.extents);
    case "refused":
      return failure(to, outcome.error, outcome.message);
    default:
      return unreachable(outcome);
  }
}

/** Writes the header of the only chunk of a reply before its payload. */
function chunk(target: Uint8Array, to: Cookie, type: number): Uint8Array {
  const view = viewOf(target);
  view.setUint32(0, STRUCTURED_MAGIC);
  view.setUint16(4, CHUNK_FLAG_DONE);
  view.setUint16(6, type);
  view.setUint32(8, to.cookieHigh);
  view.setUint32(12, to.cookieLow);
  view.setUint32(16, target.length - CHUNK_HEADER_BYTES);
  return target;
}

function hole(to: Answered, byteCount: number): Uint8Array {
  const target = new Uint8Array(CHUNK_HEADER_BYTES + OFFSET_BYTES + 4);
  const view = viewOf(target);
  setOffset(view, CHUNK_HEADER_BYTES, to.at);
  view.setUint32(CHUNK_HEADER_BYTES + OFFSET_BYTES, byteCount);
  return chunk(target, to, CHUNK.hole);
}

function extents(to: Cookie, found: readonly Extent[]): Uint8Array {
  const target = new Uint8Array(CHUNK_HEADER_BYTES + 4 + found.length * 8);
  const view = viewOf(target);
  view.setUint32(CHUNK_HEADER_BYTES, ALLOCATION_CONTEXT_ID);
  let at = CHUNK_HEADER_BYTES + 4;
  for (const { byteCount, written } of found) {
    view.setUint32(at, byteCount);
    view.setUint32(at + 4, written ? 0 : EXTENT_FLAG.hole | EXTENT_FLAG.zero);
    at += 8;
  }
  return chunk(target, to, CHUNK.blockStatus);
}

function failure(to: Cookie, error: number, message: string): Uint8Array {
  const text = shortened(encodeUtf8(message));
  const target = new Uint8Array(CHUNK_HEADER_BYTES + 6 + text.length);
  const view = viewOf(target);
  view.setUint32(CHUNK_HEADER_BYTES, error);
  view.setUint16(CHUNK_HEADER_BYTES + 4, text.length);
  target.set(text, CHUNK_HEADER_BYTES + 6);
  return chunk(target, to, CHUNK.error);
}

/** As much of the text as may be told, without a part of a character. */
function shortened(text: Uint8Array): Uint8Array {
  let end = Math.min(text.length, MESSAGE_BYTES_MAX);
  while (end < text.length && ((text[end] as number) & 0xc0) === 0x80) end--;
  return text.subarray(0, end);
}

function setOffset(view: DataView, at: number, offset: number): void {
  view.setUint32(at, Math.floor(offset / HIGH));
  view.setUint32(at + 4, offset % HIGH);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
