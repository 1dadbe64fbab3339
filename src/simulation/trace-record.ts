/**
 * The record of a simulated run: a running hash of everything that happened, in order, and the
 * last of it in words. Two runs that were the same have the same hash; two that have the same
 * hash were, for all that matters, the same.
 */

export interface TraceEntry {
  readonly timeUs: number;
  /** Where it happened; empty for what the world did by itself. */
  readonly node: string;
  readonly name: string;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

const KEPT_MAX = 200;

export class TraceRecord {
  /** Hears of every entry, for a page or a file. */
  listener: ((entry: TraceEntry) => void) | undefined;
  #low = 0x811c9dc5;
  #high = 0x1b873593;
  #count = 0;
  readonly #kept: (TraceEntry | undefined)[] = [];

  get count(): number {
    return this.#count;
  }

  /** Of everything so far, as 16 hexadecimal digits. */
  get hash(): string {
    return hex(this.#high) + hex(this.#low);
  }

  add(entry: TraceEntry): void {
    this.#mixNumber(entry.timeUs);
    this.#mixText(entry.node);
    this.#mixText(entry.name);
    if (entry.fields !== undefined) this.#mixText(describeFields(entry.fields));
    this.#kept[this.#count++ % KEPT_MAX] = entry;
    this.listener?.(entry);
  }

  /** The last entries in words, the newest last. */
  last(count: number): readonly string[] {
    const lines: string[] = [];
    const first = Math.max(0, this.#count - Math.min(count, KEPT_MAX));
    for (let index = first; index < this.#count; index++) {
      const entry = this.#kept[index % KEPT_MAX];
      if (entry !== undefined) lines.push(describeEntry(entry));
    }
    return lines;
  }

  #mixNumber(value: number): void {
    this.#mix(value >>> 0);
    this.#mix(Math.floor(value / 2 ** 32));
  }

  #mixText(text: string): void {
    this.#mix(text.length);
    for (let index = 0; index < text.length; index++) this.#mix(text.charCodeAt(index));
  }

  #mix(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x01000193);
    const turned = (this.#high << 13) | (this.#high >>> 19);
    this.#high = (Math.imul(turned ^ value, 5) + this.#low) | 0;
  }
}

export function describeEntry({ timeUs, node, name, fields }: TraceEntry): string {
  const rest = fields === undefined ? "" : ` ${describeFields(fields)}`;
  return `${(timeUs / 1000).toFixed(3)} ms ${node === "" ? "-" : node} ${name}${rest}`;
}

function describeFields(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${describeValue(value)}`)
    .join(" ");
}

function describeValue(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Uint8Array) return value.join(",");
  if (value instanceof Error) return value.message;
  // What JSON has no words for, such as undefined, still has some in a template.
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}
