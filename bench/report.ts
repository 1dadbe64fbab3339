/**
 * The report: for every work the figures side by side, the ratio to the best of the others, and
 * what was demanded (the bar) and wanted (the aim).
 *
 * The ratio always says how good we are: above 1 is better than the other, whether the figure is
 * a rate, of which more is better, or a time or a size, of which less is.
 */

import { type Spread, spreadOf } from "./statistics.ts";

export const OURS = "holdfast";

export interface Work {
  readonly name: string;
  readonly unit: Unit;
  /** The ratio that must be reached and the one that is wanted, where there are any. */
  readonly bar: number | undefined;
  readonly aim: number | undefined;
  /** Whom the ratio is against; the best of all others where it is undefined. */
  readonly against: string | undefined;
}

export type Unit = "operations/s" | "bytes" | "ms" | "MB/s";

export interface Section {
  readonly title: string;
  readonly notes: readonly string[];
  readonly rows: readonly Row[];
}

export interface Row {
  readonly work: Work;
  /** By the name of the store, in the order of the columns. */
  readonly figures: ReadonlyMap<string, Spread>;
}

/** Collects samples by work and store, in the order in which they first come in. */
export class Samples {
  readonly #byWork = new Map<string, Map<string, number[]>>();

  add(work: string, store: string, value: number): void {
    const byStore = this.#byWork.get(work) ?? new Map<string, number[]>();
    this.#byWork.set(work, byStore);
    byStore.set(store, [...(byStore.get(store) ?? []), value]);
  }

  row(work: Work, stores: readonly string[]): Row {
    const byStore = this.#byWork.get(work.name) ?? new Map<string, number[]>();
    const figures = new Map<string, Spread>();
    for (const store of stores) {
      const samples = byStore.get(store);
      if (samples !== undefined) figures.set(store, spreadOf(samples));
    }
    return { work, figures };
  }
}

export function isBetterWhenMore(unit: Unit): boolean {
  return unit === "operations/s" || unit === "MB/s";
}

/** How many times as good as whom it is against; undefined where either was not measured. */
export function ratioOf({ work, figures }: Row): number | undefined {
  const ours = figures.get(OURS)?.median;
  const others = [...figures]
    .filter(([store]) => store !== OURS && (work.against ?? store) === store)
    .map(([, spread]) => spread.median);
  if (ours === undefined || others.length === 0) return undefined;
  return isBetterWhenMore(work.unit) ? ours / Math.max(...others) : Math.min(...others) / ours;
}

export function renderMarkdown(sections: readonly Section[]): string {
  return sections.map((section) => renderSection(section)).join("\n");
}

function renderSection({ title, notes, rows }: Section): string {
  const stores = [...new Set(rows.flatMap(({ figures }) => [...figures.keys()]))];
  const head = ["work", ...stores, "ratio", "bar", "aim", ""];
  const body = rows.map((row) => renderRow(row, stores));
  const lines = [
    `## ${title}`,
    "",
    ...notes.map((note) => `${note}\n`),
    `| ${head.join(" | ")} |`,
    `| --- |${" ---: |".repeat(head.length - 2)} --- |`,
    ...body.map((cells) => `| ${cells.join(" | ")} |`),
    "",
  ];
  return lines.join("\n");
}

function renderRow(row: Row, stores: readonly string[]): readonly string[] {
  const { work, figures } = row;
  const ratio = ratioOf(row);
  return [
    work.name,
    ...stores.map((store) => renderSpread(figures.get(store), work.unit)),
    ratio === undefined ? "-" : ratio.toFixed(2),
    work.bar === undefined ? "-" : work.bar.toFixed(2),
    work.aim === undefined ? "-" : work.aim.toFixed(2),
    verdict(work, ratio),
  ];
}

function renderSpread(spread: Spread | undefined, unit: Unit): string {
  if (spread === undefined) return "-";
  const { median, min, max } = spread;
  return `${renderValue(median, unit)} (${renderValue(min, unit)}..${renderValue(max, unit)})`;
}

function renderValue(value: number, unit: Unit): string {
  switch (unit) {
    case "operations/s":
      return value < 10_000 ? `${(value / 1e3).toFixed(2)} k/s` : `${(value / 1e3).toFixed(0)} k/s`;
    case "bytes":
      return `${(value / 1e6).toFixed(1)} MB`;
    case "ms":
      return `${value.toFixed(value < 10 ? 2 : 1)} ms`;
    case "MB/s":
      return `${value.toFixed(0)} MB/s`;
  }
}

function verdict({ bar, aim }: Work, ratio: number | undefined): string {
  if (ratio === undefined || bar === undefined) return "";
  if (ratio < bar) return "below the bar";
  return aim !== undefined && aim <= ratio ? "aim reached" : "bar reached";
}
