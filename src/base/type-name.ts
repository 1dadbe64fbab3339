/** What kind of thing a value is, for messages that refuse it: "undefined", "a Date". */

export function typeName(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  const { constructor } = value as { readonly constructor?: unknown };
  return typeof constructor === "function" ? `a ${constructor.name}` : "an object";
}
