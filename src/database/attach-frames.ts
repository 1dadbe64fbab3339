/**
 * The frames between a process that has a store open and one that it serves: 4 bytes of length,
 * little-endian, then one value in MessagePack. Both ends are the same program by the same user,
 * over a local socket; what does not parse ends the connection nevertheless.
 */

import { concatBytes } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import { decodeMessagePack } from "../base/message-pack-reader.ts";
import { encodeMessagePack } from "../base/message-pack-writer.ts";

const LENGTH_BYTES = 4;
/** The largest value with all that can be around it. */
export const FRAME_BYTES_MAX: number = 256 << 20;

export function encodeFrame(message: unknown): Uint8Array {
  const frame = encodeMessagePack(message, LENGTH_BYTES);
  const length = frame.length - LENGTH_BYTES;
  if (FRAME_BYTES_MAX < length) {
    const remedy = "split it up, or let this process have the store open";
    throw new Fault("ERR_LIMIT", `${length} bytes are too much between processes; ${remedy}`, {
      bytes: length,
      max: FRAME_BYTES_MAX,
    });
  }
  new DataView(frame.buffer, frame.byteOffset).setUint32(0, length, true);
  return frame;
}

/** Puts frames together again from whatever pieces they arrive in. */
export class FrameReader {
  #pieces: Uint8Array[] = [];
  #heldBytes = 0;
  /** Of the frame that is arriving, its length included, as soon as that is known. */
  #wantedBytes = LENGTH_BYTES;

  /** Calls `take` with each message that is complete. The bytes are not kept. */
  push(bytes: Uint8Array, take: (message: unknown) => void): void {
    // A copy, since the bytes are the connection's own again after the call.
    this.#pieces.push(new Uint8Array(bytes));
    this.#heldBytes += bytes.length;
    while (this.#wantedBytes <= this.#heldBytes) {
      const held = this.#join();
      const end = LENGTH_BYTES + frameLength(held);
      this.#wantedBytes = end;
      if (held.length < end) return;
      this.#pieces = held.length === end ? [] : [held.subarray(end)];
      this.#heldBytes = held.length - end;
      this.#wantedBytes = LENGTH_BYTES;
      take(decodeMessagePack(held, LENGTH_BYTES, end - LENGTH_BYTES));
    }
  }

  #join(): Uint8Array {
    const [first] = this.#pieces;
    const joined =
      this.#pieces.length === 1 && first !== undefined ? first : concatBytes(this.#pieces);
    this.#pieces = [joined];
    return joined;
  }
}

function frameLength(bytes: Uint8Array): number {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (length <= FRAME_BYTES_MAX) return length;
  throw new Fault("ERR_FORMAT", `a message of ${length} bytes is announced; that is none of ours`);
}
