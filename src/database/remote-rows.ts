/** Rows, keys and chunks as they come and go between processes. */

import { Fields, malformed, packRange, readRange } from "./attach-protocol.ts";
import type { Chunk, ChunkRequest, EntryReader, RowReader } from "./session.ts";

export function packKeys(keys: readonly Uint8Array[]): unknown {
  return keys.map((key) => [key]);
}

export function packChunkRequest({ range, reverse, rowsMax }: ChunkRequest): readonly unknown[] {
  return [packRange(range), reverse, rowsMax];
}

/** A row is its version and its bytes, or undefined. */
export function readRow<T>(row: unknown, read: RowReader<T>): T | undefined {
  if (row === undefined) return undefined;
  const fields = new Fields(row);
  const version = fields.lsn();
  const bytes = fields.bytes();
  return read(bytes, 0, bytes.length, version);
}

export function readRows<T>(rows: unknown, read: RowReader<T>): readonly (T | undefined)[] {
  if (!Array.isArray(rows)) throw malformed();
  return rows.map((row: unknown) => readRow(row, read));
}

export function readChunk<T>(chunk: unknown, read: EntryReader<T>): Chunk<T> {
  const fields = new Fields(chunk);
  const entries = fields.list((item) => {
    const keyBytes = item.bytes();
    const valueBytes = item.bytes();
    const keyLength = keyBytes.length;
    const valueLength = valueBytes.length;
    return read({ keyBytes, keyLength, valueBytes, valueAt: 0, valueLength });
  });
  return { entries, rest: fields.optional(readRange) };
}
