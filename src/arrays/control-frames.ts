/**
 * The frames between a process that has an array open and one that asks or tells it something: four
 * bytes of length, little-endian, then so many bytes of JSON, in UTF-8. Frames have a largest
 * length, so that nobody can make the other side gather without end.
 */

import { concatBytes } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import { decodeUtf8, encodeUtf8 } from "../base/utf8.ts";

const LENGTH_BYTES = 4;
/** A status of the largest array is a few kilobytes. */
export const FRAME_BYTES_MAX: number = 1 << 20;

export function encodeFrame(message: unknown): Uint8Array {
  const text = encodeUtf8(JSON.stringify(message));
  if (FRAME_BYTES_MAX < text.length) {
    const why = `${text.length} bytes are too much to say of an array`;
    throw new Fault("ERR_LIMIT", why, { max: FRAME_BYTES_MAX });
  }
  const length = new Uint8Array(LENGTH_BYTES);
  new DataView(length.buffer).setUint32(0, text.length, true);
  return concatBytes([length, text]);
}

/** Puts frames together again from whatever pieces they arrive in. */
export class FrameReader {
  #held: Uint8Array = new Uint8Array(0);

  /** Calls `take` with each message that is complete; `ERR_FORMAT` if it is none. */
  push(bytes: Uint8Array, take: (message: unknown) => void): void {
    this.#held = concatBytes([this.#held, bytes]);
    for (;;) {
      const end = frameEnd(this.#held);
      if (end === undefined || this.#held.length < end) return;
      const text = decodeUtf8(this.#held, LENGTH_BYTES, end - LENGTH_BYTES);
      this.#held = this.#held.subarray(end);
      take(parse(text));
    }
  }
}

/** Undefined while the length is not there yet. */
function frameEnd(bytes: Uint8Array): number | undefined {
  if (bytes.length < LENGTH_BYTES) return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (length <= FRAME_BYTES_MAX) return LENGTH_BYTES + length;
  throw new Fault("ERR_FORMAT", `a message of ${length} bytes is announced; that is none of ours`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new Fault("ERR_FORMAT", "what came is no JSON", {}, error);
  }
}
