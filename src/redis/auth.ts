/** Whether a client knows the password, told in a time that does not depend on what it gave. */

import { encodeUtf8 } from "../base/utf8.ts";

/** Compares every byte of what was given, whether or not an earlier one was wrong. */
export function isPassword(given: Uint8Array, password: string): boolean {
  const secret = encodeUtf8(password);
  let difference = given.length ^ secret.length;
  for (let index = 0; index < given.length; index++) {
    difference |= (given[index] as number) ^ (secret[index % secret.length] ?? 0);
  }
  return difference === 0;
}
