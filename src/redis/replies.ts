/** The errors that more than one command answers, word for word as Redis has them. */

import { latin1 } from "../base/bytes.ts";
import { Fault, type FaultCode, messageOf } from "../base/fault.ts";
import type { Request } from "../resp/request.ts";

const QUOTED_BYTES_MAX = 128;

export const SYNTAX_ERROR = "ERR syntax error";
export const WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";
export const NOT_AN_INTEGER = "ERR value is not an integer or out of range";
const NOT_AN_INT32 = "ERR value is out of range, value must between -2147483648 and 2147483647";
export const NOT_A_FLOAT = "ERR value is not a valid float";
export const NO_SUCH_KEY = "ERR no such key";
export const SAME_OBJECT = "ERR source and destination objects are the same";
export const DATABASE_OUT_OF_RANGE = "ERR DB index is out of range";
export const NO_AUTH = "NOAUTH Authentication required.";
export const STRING_TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";

/** What is wrong with a number that should be an integer of 32 bits; undefined if nothing is. */
export function refuseInt32(value: number): string | undefined {
  if (Number.isNaN(value)) return NOT_AN_INTEGER;
  return -(2 ** 31) <= value && value < 2 ** 31 ? undefined : NOT_AN_INT32;
}

export function invalidExpire(command: string): string {
  return `ERR invalid expire time in '${command}' command`;
}

export function wrongArity(command: string): string {
  return `ERR wrong number of arguments for '${command}' command`;
}

/** Quotes the beginning of the arguments, as much as helps to recognise them. */
export function unknownCommand(request: Request): string {
  let texts = "";
  for (let index = 1; index < request.count && texts.length < QUOTED_BYTES_MAX; index++) {
    texts += `'${beginning(request, index, QUOTED_BYTES_MAX - texts.length)}' `;
  }
  const name = beginning(request, 0, QUOTED_BYTES_MAX);
  return `ERR unknown command '${name}', with args beginning with: ${texts}`;
}

export function unknownSubcommand(container: string, request: Request): string {
  const name = beginning(request, 1, QUOTED_BYTES_MAX);
  return `ERR unknown subcommand '${name}'. Try ${container.toUpperCase()} HELP.`;
}

/** The argument as an error quotes it: to Redis a zero byte ends a text. */
export function quoted(request: Request, index: number): string {
  return beginning(request, index, request.length[index] as number);
}

function beginning(request: Request, index: number, lengthMax: number): string {
  const text = latin1(request.argument(index).subarray(0, lengthMax));
  const zeroAt = text.indexOf("\0");
  return zeroAt < 0 ? text : text.slice(0, zeroAt);
}

/** What a client is told of what was thrown; by the first word it knows what to do. */
export function errorReply(error: unknown): string {
  if (!(error instanceof Fault)) return `ERR ${messageOf(error)}`;
  return `${PREFIXES[error.code] ?? "ERR"} ${inWordsOfServer(error)}`;
}

/** Who comes by this door knows the settings of the server, and not those of the library. */
function inWordsOfServer({ message, details }: Fault): string {
  const { setting } = details;
  const word = typeof setting === "string" ? SERVER_SETTINGS[setting] : undefined;
  if (word === undefined) return message;
  const name = `"${String(setting)}"`;
  // The last of that name: what comes before may be a key of users.
  const at = message.lastIndexOf(name);
  return at < 0 ? message : `${message.slice(0, at)}"${word}"${message.slice(at + name.length)}`;
}

const SERVER_SETTINGS: Partial<Record<string, string>> = {
  valueBytesMax: "value-bytes-max",
  transactionBytesMax: "transaction-bytes-max",
  locksPerTransactionMax: "locks-per-transaction-max",
  logBytes: "log",
  cacheBytes: "cache",
  timeoutMs: "lock-timeout-ms",
};

const PREFIXES: Partial<Record<FaultCode, string>> = {
  ERR_CONFLICT: "ABORTED",
  ERR_ABORTED: "ABORTED",
  ERR_TIMEOUT: "TIMEOUT",
  ERR_COMMIT_UNKNOWN: "UNKNOWN",
  ERR_UNAVAILABLE: "UNAVAILABLE",
  ERR_IO: "UNAVAILABLE",
  ERR_FULL: "OOM",
};
