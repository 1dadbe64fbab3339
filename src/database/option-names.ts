/**
 * Refuses options that there are not: one that is misspelt would be an option that is not in force,
 * such as a value without its time to live, or a scan of everything.
 */

import { Fault } from "../base/fault.ts";
import { didYouMean } from "../base/suggest.ts";
import { typeName } from "../base/type-name.ts";

/** `of` is who takes them, as users call it. */
export function requireOptions(given: object, names: readonly string[], of: string): void {
  const options: unknown = given;
  if (typeof options !== "object" || options === null) {
    throw new Fault("ERR_ARGUMENT", `the options of ${of} are an object, not ${typeName(options)}`);
  }
  for (const name in options) {
    if (names.includes(name)) continue;
    const meant = didYouMean(name, names);
    const message = `there is no option "${name}" of ${of}${meant}; it takes ${names.join(", ")}`;
    throw new Fault("ERR_ARGUMENT", message, { option: name });
  }
}
