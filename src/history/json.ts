/** What JSON can say. EDN is read into it too: keywords as strings, sets as arrays. */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [name: string]: Json;
}

export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Integers too large for a number become strings, so that no two of them become one. */
export function parseJson(text: string): Json {
  const exact = LONG_DIGITS.test(text) ? text.replaceAll(STRING_OR_NUMBER, exactToken) : text;
  return JSON.parse(exact) as Json;
}

const LONG_DIGITS = /\d{16}/;
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

function exactToken(token: string): string {
  const isTooLarge = /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token));
  return isTooLarge ? `"${token}"` : token;
}
