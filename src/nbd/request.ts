/**
 * What a client asks of an export, and what comes of it, as values. A request that was made here
 * lies within its export, is allowed there, and carries no flag that we don't know.
 */

import {
  COMMAND,
  COMMAND_FLAG,
  ERROR,
  type ErrorNumber,
  REQUEST_HEADER_BYTES,
  REQUEST_MAGIC,
} from "./protocol.ts";

export type NbdRequest =
  | { readonly kind: "read"; readonly at: number; readonly byteCount: number }
  | WriteRequest
  | { readonly kind: "flush" }
  /** The bytes are not wanted any more; what they read as from now on is left open. */
  | { readonly kind: "trim"; readonly at: number; readonly byteCount: number; durable: boolean }
  | ZeroRequest
  /** The bytes will be read soon. */
  | { readonly kind: "cache"; readonly at: number; readonly byteCount: number }
  | StatusRequest;

export interface WriteRequest {
  readonly kind: "write";
  readonly at: number;
  readonly byteCount: number;
  readonly durable: boolean;
  /** Where the write units that the write touches begin. */
  readonly frameAt: number;
  /** Those units, with what is written in its place in them; the rest is still to be read. */
  readonly frame: Uint8Array;
}

export interface ZeroRequest {
  readonly kind: "zero";
  readonly at: number;
  readonly byteCount: number;
  readonly durable: boolean;
  /** Whether the bytes may become a hole. */
  readonly mayTrim: boolean;
  /** Whether it should rather fail than take as long as writing zeroes. */
  readonly onlyIfFast: boolean;
}

export interface StatusRequest {
  readonly kind: "status";
  readonly at: number;
  readonly byteCount: number;
  readonly onlyOne: boolean;
}

export interface Extent {
  readonly byteCount: number;
  readonly written: boolean;
}

export type Outcome =
  | { readonly kind: "done" }
  /** What was read begins at `FRAME_ROOM_BYTES`, so that a header fits before it. */
  | { readonly kind: "data"; readonly frame: Uint8Array }
  /** All that was to be read is zeroes. */
  | { readonly kind: "hole"; readonly byteCount: number }
  | { readonly kind: "extents"; readonly extents: readonly Extent[] }
  | Refusal;

export interface Refusal {
  readonly kind: "refused";
  readonly error: ErrorNumber;
  readonly message: string;
}

/** Room before what was read: for the longest header of a reply and the offset after it. */
export const FRAME_ROOM_BYTES = 28;

export interface RequestHeader {
  readonly flags: number;
  readonly command: number;
  readonly cookieHigh: number;
  readonly cookieLow: number;
  /** Infinity if it is no safe integer, which lies beyond the end of every export. */
  readonly at: number;
  readonly byteCount: number;
}

/** What a request is judged by. */
export interface RequestBounds {
  readonly sizeBytes: number;
  readonly writeUnitBytes: number;
  readonly readOnly: boolean;
  readonly sparse: boolean;
  readonly requestBytesMax: number;
  /** Whether the client has chosen `base:allocation`. */
  readonly tellsAllocation: boolean;
  readonly structured: boolean;
}

const HIGH = 2 ** 32;
const SAFE_HIGH_LIMIT = 2 ** 21;

/** The header in the view, or undefined if there is none. */
export function decodeRequestHeader(view: DataView): RequestHeader | undefined {
  if (view.byteLength < REQUEST_HEADER_BYTES || view.getUint32(0) !== REQUEST_MAGIC) {
    return undefined;
  }
  const high = view.getUint32(16);
  return {
    flags: view.getUint16(4),
    command: view.getUint16(6),
    cookieHigh: view.getUint32(8),
    cookieLow: view.getUint32(12),
    at: high < SAFE_HIGH_LIMIT ? high * HIGH + view.getUint32(20) : Number.POSITIVE_INFINITY,
    byteCount: view.getUint32(24),
  };
}

/** Whether so many bytes as `byteCount` says follow the header. */
export function hasPayload({ command }: RequestHeader): boolean {
  return command === COMMAND.write;
}

/** The request of a header, or why there is none. */
export function requestOf(header: RequestHeader, bounds: RequestBounds): NbdRequest | Refusal {
  const refusal =
    checkFlags(header, bounds) ?? checkPermission(header, bounds) ?? checkRange(header, bounds);
  return refusal ?? makeRequest(header, bounds);
}

interface CommandRule {
  /** Besides the one for durability, which has a meaning for some and does no harm to others. */
  readonly flags: number;
  readonly changes: boolean;
  /** What a range beyond the end is answered with; undefined where there is no range. */
  readonly beyondEnd: ErrorNumber | undefined;
  /** Whether the bytes themselves go over the wire, which bounds how many they may be. */
  readonly carriesData: boolean;
}

const { noHole, dontFragment, requestOne, fastZero, forceUnitAccess } = COMMAND_FLAG;

const RULES: Readonly<Record<number, CommandRule>> = {
  [COMMAND.read]: rule(dontFragment, false, ERROR.invalid, true),
  [COMMAND.write]: rule(0, true, ERROR.noSpace, true),
  [COMMAND.flush]: rule(0, false, undefined, false),
  [COMMAND.trim]: rule(0, true, ERROR.invalid, false),
  [COMMAND.cache]: rule(0, false, ERROR.invalid, false),
  [COMMAND.writeZeroes]: rule(noHole | fastZero, true, ERROR.noSpace, false),
  [COMMAND.blockStatus]: rule(requestOne, false, ERROR.invalid, false),
};

function rule(
  flags: number,
  changes: boolean,
  beyondEnd: ErrorNumber | undefined,
  carriesData: boolean,
): CommandRule {
  return { flags, changes, beyondEnd, carriesData };
}

function checkFlags(header: RequestHeader, bounds: RequestBounds): Refusal | undefined {
  const known = RULES[header.command];
  if (known === undefined) {
    return refused(ERROR.invalid, `there is no command ${header.command}`);
  }
  const unknown = header.flags & ~(known.flags | forceUnitAccess);
  if (unknown !== 0)
    return refused(ERROR.invalid, `the flags 0x${unknown.toString(16)} are unknown`);
  if ((header.flags & dontFragment) !== 0 && !bounds.structured) {
    return refused(ERROR.invalid, "the flag DF needs structured replies");
  }
  if (header.command === COMMAND.blockStatus && !bounds.tellsAllocation) {
    return refused(ERROR.invalid, "no metadata context was chosen");
  }
  if (header.command === COMMAND.trim && !bounds.sparse) {
    return refused(ERROR.invalid, "this export cannot be trimmed");
  }
  return undefined;
}

function checkPermission(header: RequestHeader, bounds: RequestBounds): Refusal | undefined {
  if (!bounds.readOnly || RULES[header.command]?.changes !== true) return undefined;
  return refused(ERROR.notPermitted, "this export is read-only");
}

function checkRange(header: RequestHeader, bounds: RequestBounds): Refusal | undefined {
  const known = RULES[header.command];
  if (known?.beyondEnd === undefined) return undefined;
  const { at, byteCount } = header;
  if (byteCount === 0) return refused(ERROR.invalid, "the length is 0");
  if (known.carriesData && bounds.requestBytesMax < byteCount) {
    const limit = `at most ${bounds.requestBytesMax}`;
    return refused(ERROR.overflow, `${byteCount} bytes in one request: send ${limit}`);
  }
  if (bounds.sizeBytes < at + byteCount) {
    return refused(known.beyondEnd, `the export ends at ${bounds.sizeBytes}`);
  }
  return undefined;
}

function makeRequest(header: RequestHeader, bounds: RequestBounds): NbdRequest | Refusal {
  const { at, byteCount, flags } = header;
  const durable = (flags & forceUnitAccess) !== 0;
  switch (header.command) {
    case COMMAND.read:
      return { kind: "read", at, byteCount };
    case COMMAND.write:
      return makeWrite(header, bounds, durable);
    case COMMAND.flush:
      return { kind: "flush" };
    case COMMAND.trim:
      return { kind: "trim", at, byteCount, durable };
    case COMMAND.cache:
      return { kind: "cache", at, byteCount: Math.min(byteCount, bounds.requestBytesMax) };
    case COMMAND.writeZeroes: {
      const mayTrim = (flags & noHole) === 0;
      const onlyIfFast = (flags & fastZero) !== 0;
      return { kind: "zero", at, byteCount, durable, mayTrim, onlyIfFast };
    }
    default:
      return { kind: "status", at, byteCount, onlyOne: (flags & requestOne) !== 0 };
  }
}

function makeWrite(
  { at, byteCount }: RequestHeader,
  { writeUnitBytes, sizeBytes }: RequestBounds,
  durable: boolean,
): WriteRequest {
  const frameAt = roundDown(at, writeUnitBytes);
  const frameEnd = Math.min(roundUp(at + byteCount, writeUnitBytes), sizeBytes);
  const frame = new Uint8Array(frameEnd - frameAt);
  return { kind: "write", at, byteCount, durable, frameAt, frame };
}

export function refused(error: ErrorNumber, message: string): Refusal {
  return { kind: "refused", error, message };
}

export function roundDown(at: number, unitBytes: number): number {
  return at - (at % unitBytes);
}

export function roundUp(at: number, unitBytes: number): number {
  return roundDown(at + unitBytes - 1, unitBytes);
}
