/** Colour on terminals, and only there. */

import { styleText } from "node:util";
import type { Style } from "./command-io.ts";

/** See https://no-color.org: present and not empty, whatever its value. */
export function wantsColour(isTerminal: boolean): boolean {
  const noColour = process.env["NO_COLOR"];
  return isTerminal && (noColour === undefined || noColour === "");
}

/** The text in a style if `isWanted`, which the caller knows: it knows where the text will go. */
export function paint(isWanted: boolean, style: Style, text: string): string {
  return isWanted ? styleText(style, text, { validateStream: false }) : text;
}
