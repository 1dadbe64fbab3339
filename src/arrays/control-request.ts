/**
 * What an array can be asked and told while a process has it open. Each request carries the version
 * of this protocol and a number, which its answer repeats:
 *
 *     {"version": 1, "id": 7, "request": {"command": "fail", "path": "/disks/b", "force": false}}
 *     {"version": 1, "id": 7, "result": {...}}
 *     {"version": 1, "id": 7, "error": {"code": "ERR_ARGUMENT", "message": "...", "details": {}}}
 */

import { Fault, type FaultCode, isFault, messageOf } from "../base/fault.ts";

export const CONTROL_VERSION = 1;
/** More than the longest path that a system knows. */
const PATH_LENGTH_MAX = 65_536;

export type ControlRequest =
  | { readonly command: "status" }
  | { readonly command: "fail"; readonly path: string; readonly force: boolean }
  | { readonly command: "remove"; readonly path: string }
  | { readonly command: "add"; readonly path: string; readonly force: boolean }
  | {
      readonly command: "replace";
      readonly path: string;
      readonly by: string;
      readonly force: boolean;
    }
  /** By a member, or by making each larger. */
  | { readonly command: "grow-by"; readonly path: string; readonly force: boolean }
  | { readonly command: "grow-to"; readonly sizeBytes: number }
  /** Answered when nothing is left to be done in the background. */
  | { readonly command: "wait" }
  /** Answered when it has begun, or with `wait` at its end. */
  | { readonly command: "scrub"; readonly wait: boolean };

export interface NumberedAnswer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: Fault;
}

export function packRequest(id: number, request: ControlRequest): unknown {
  return { version: CONTROL_VERSION, id, request };
}

export function packAnswer(id: number, result: unknown): unknown {
  return { version: CONTROL_VERSION, id, result: result ?? null };
}

export function packError(id: number, error: unknown): unknown {
  const code = isFault(error) ? error.code : "ERR_UNAVAILABLE";
  const details = isFault(error) ? error.details : {};
  return { version: CONTROL_VERSION, id, error: { code, message: messageOf(error), details } };
}

/** `ERR_FORMAT` if it is no request at all. What is wrong within it is told as its answer. */
export function readRequestId(message: unknown): number {
  const { version, id } = objectOf(message);
  if (version !== CONTROL_VERSION) {
    const text = `a request in version ${String(version)}, and this program speaks 1`;
    throw new Fault("ERR_FORMAT", text, { version });
  }
  if (typeof id !== "number" || !Number.isSafeInteger(id)) throw malformed("id");
  return id;
}

export function readRequest(message: unknown): ControlRequest {
  const fields = objectOf(objectOf(message)["request"]);
  const { command } = fields;
  switch (command) {
    case "status":
    case "wait":
      return { command };
    case "remove":
      return { command, path: pathOf(fields, "path") };
    case "fail":
    case "add":
    case "grow-by":
      return { command, path: pathOf(fields, "path"), force: flagOf(fields, "force") };
    case "replace": {
      const [path, by] = [pathOf(fields, "path"), pathOf(fields, "by")];
      return { command, path, by, force: flagOf(fields, "force") };
    }
    case "grow-to":
      return { command, sizeBytes: sizeOf(fields, "sizeBytes") };
    case "scrub":
      return { command, wait: flagOf(fields, "wait") };
    default:
      throw malformed("command");
  }
}

export function readAnswer(message: unknown): NumberedAnswer {
  const fields = objectOf(message);
  const id = readRequestId(message);
  if (fields["error"] === undefined) return { id, result: fields["result"] };
  const { code, message: text, details } = objectOf(fields["error"]);
  if (typeof code !== "string" || typeof text !== "string") throw malformed("error");
  return { id, error: new Fault(code as FaultCode, text, objectOf(details ?? {})) };
}

type Fields = Readonly<Record<string, unknown>>;

function objectOf(value: unknown): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw malformed("message");
}

function pathOf(fields: Fields, name: string): string {
  const value = fields[name];
  const isPath = typeof value === "string" && 0 < value.length && value.length <= PATH_LENGTH_MAX;
  if (!isPath) throw malformed(name);
  return value;
}

function flagOf(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (typeof value !== "boolean") throw malformed(name);
  return value;
}

function sizeOf(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value <= 0) {
    throw malformed(name);
  }
  return value;
}

function malformed(name: string): Fault {
  const message = `the ${name} of what was said about an array cannot be read`;
  return new Fault("ERR_FORMAT", message, { name });
}
