/**
 * The file of a shadow store: lines of JSON in ASCII that a person can read. To the byte in
 * docs/formats/shadow.md.
 *
 *     {"format":"holdfast-shadow","version":1,"lsn":7,"rows":2,"crc":"89abcdef"}
 *     ["a key","a value",3,"01234567"]
 *     ["b%00c","%ff",7,"fedcba98"]
 *     {"checksum":"0123456789abcdef"}
 *
 * A row is key, value and version; the keys rise. A byte of keys and values that is not printable
 * ASCII, and each of `%`, `"` and `\`, is written as `%` and two hex digits. The last field of a
 * line is the CRC-32 of the line before its comma, and the checksum is the XXH64 of all lines
 * above it. There is one way to write the same rows, and a reader takes no other.
 */

import { compareBytes, fromLatin1, latin1 } from "../base/bytes.ts";
import type { ChecksumSet } from "../base/checksums.ts";
import { Fault } from "../base/fault.ts";
import { type Lsn, lsn } from "../base/ids.ts";
import { countRows, putRow, type Row, type RowTree, visitRows } from "./row-tree.ts";

export interface ShadowState {
  readonly rows: RowTree;
  /** The position of the last transaction that is in it. */
  readonly lsn: Lsn;
}

const FORMAT = "holdfast-shadow";
const VERSION = 1;

type Checksums = Pick<ChecksumSet, "crc32" | "xxh64" | "xxh64Low" | "xxh64High">;

export function encodeShadow(state: ShadowState, checksums: Checksums): Uint8Array {
  const lines = [encodeHeader(state.lsn, countRows(state.rows), checksums)];
  visitRows(state.rows, new Uint8Array(0), undefined, (row) => {
    lines.push(encodeRow(row, checksums));
    return true;
  });
  const above = lines.map((line) => `${line}\n`).join("");
  return fromLatin1(`${above}${encodeChecksum(fromLatin1(above), checksums)}\n`);
}

/** The state in the bytes. `ERR_FORMAT` for another version; `ERR_CORRUPT` with the line. */
export function decodeShadow(bytes: Uint8Array, path: string, checksums: Checksums): ShadowState {
  const lines = latin1(bytes).split("\n");
  const reader: Reader = { lines, path, checksums };
  const header = decodeHeader(reader);
  if (lines.length < header.rows + 3) throw damaged(reader, lines.length, "the file is cut off");

  let rows: RowTree;
  let before: Row | undefined;
  for (let number = 2; number < header.rows + 2; number++) {
    const row = decodeRow(reader, number);
    if (before !== undefined && compareBytes(before.key, row.key) >= 0) {
      throw damaged(reader, number, "its key does not follow the one above");
    }
    if (header.lsn < row.version) throw damaged(reader, number, "it is newer than the file");
    rows = putRow(rows, row);
    before = row;
  }
  checkEnd(reader, header.rows + 2, bytes);
  return { rows, lsn: header.lsn };
}

interface Reader {
  readonly lines: readonly string[];
  readonly path: string;
  readonly checksums: Checksums;
}

interface Header {
  readonly lsn: Lsn;
  readonly rows: number;
}

function encodeHeader(position: Lsn, rows: number, checksums: Checksums): string {
  const fields = { format: FORMAT, version: VERSION, lsn: position, rows };
  const text = JSON.stringify(fields).slice(0, -1);
  return `${text},"crc":"${crcOf(text, checksums)}"}`;
}

function encodeRow(row: Row, checksums: Checksums): string {
  const text = `["${escape(row.key)}","${escape(row.value)}",${row.version}`;
  return `${text},"${crcOf(text, checksums)}"]`;
}

function encodeChecksum(above: Uint8Array, checksums: Checksums): string {
  checksums.xxh64(above, 0, 0);
  return `{"checksum":"${hex(checksums.xxh64High)}${hex(checksums.xxh64Low)}"}`;
}

function decodeHeader(reader: Reader): Header {
  const fields = parse(reader, 1);
  if (!isRecord(fields) || fields["format"] !== FORMAT) {
    throw damaged(reader, 1, "it is not the header of a shadow store");
  }
  const { version, lsn: position, rows } = fields;
  if (version !== VERSION && isWhole(reader)) {
    const { path } = reader;
    const message = `"${path}" has version ${String(version)}; use the Holdfast that wrote it`;
    throw new Fault("ERR_FORMAT", message, { path, version });
  }
  if (!isNatural(position) || !isNatural(rows)) throw damaged(reader, 1, "a number is missing");
  const header = { lsn: lsn(position), rows };
  mustBe(reader, 1, encodeHeader(header.lsn, rows, reader.checksums));
  return header;
}

/** Whether the checksum of the header holds, whatever else a later version may have put there. */
function isWhole(reader: Reader): boolean {
  const [text, crc] = /^(.*),"crc":"(.*)"\}$/u.exec(reader.lines[0] ?? "")?.slice(1) ?? [];
  return text !== undefined && crcOf(text, reader.checksums) === crc;
}

function decodeRow(reader: Reader, number: number): Row {
  const fields = parse(reader, number);
  const [key, value, version]: readonly unknown[] = Array.isArray(fields) ? fields : [];
  if (typeof key !== "string" || typeof value !== "string" || !isNatural(version)) {
    throw damaged(reader, number, "it is not a row");
  }
  const row = { key: unescape(key), value: unescape(value), version: lsn(version) };
  mustBe(reader, number, encodeRow(row, reader.checksums));
  return row;
}

function checkEnd(reader: Reader, number: number, bytes: Uint8Array): void {
  const { lines, checksums } = reader;
  const aboveBytes = lines.slice(0, number - 1).reduce((sum, line) => sum + line.length + 1, 0);
  mustBe(reader, number, encodeChecksum(bytes.subarray(0, aboveBytes), checksums));
  if (lines.length !== number + 1 || lines[number] !== "") {
    throw damaged(reader, number + 1, "nothing should follow the checksum");
  }
}

function parse(reader: Reader, number: number): unknown {
  try {
    return JSON.parse(reader.lines[number - 1] ?? "");
  } catch {
    throw damaged(reader, number, "it is not JSON");
  }
}

/** Whatever a line says, written again it must be the same line: so its checksum holds too. */
function mustBe(reader: Reader, number: number, expected: string): void {
  if (reader.lines[number - 1] === expected) return;
  throw damaged(reader, number, "its checksum does not hold");
}

function damaged(reader: Reader, line: number, what: string): Fault {
  const { path } = reader;
  const message = `Line ${line} of "${path}" is damaged: ${what}; restore the file from a backup`;
  return new Fault("ERR_CORRUPT", message, { path, line });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isNatural(value: unknown): value is number {
  return Number.isSafeInteger(value) && typeof value === "number" && 0 <= value;
}

function crcOf(text: string, checksums: Checksums): string {
  return hex(checksums.crc32(fromLatin1(text), 0));
}

function hex(word: number): string {
  return word.toString(16).padStart(8, "0");
}

function escape(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += ESCAPED[byte] as string;
  return text;
}

/** The bytes that `escape` wrote; for any other text, some bytes that it writes otherwise. */
function unescape(text: string): Uint8Array {
  const letters = text.replaceAll(/%([0-9a-f]{2})/gu, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return fromLatin1(letters);
}

const ESCAPED: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const letter = String.fromCharCode(byte);
  const isPlain = 0x20 <= byte && byte < 0x7f && !'%"\\'.includes(letter);
  return isPlain ? letter : `%${byte.toString(16).padStart(2, "0")}`;
});
