/**
 * The probability of data loss over the time of a mission, a line for each layout, as a picture
 * that stands alone (SVG); and the nines of layouts as bars for a terminal.
 */

import { HOURS_PER_YEAR } from "./availability.ts";
import { lossProbability } from "./array-loss.ts";
import { type Comparison, type LayoutReport, arrayOf } from "./comparison.ts";
import type { Layout } from "./layouts.ts";
import { describeHours } from "./quantities.ts";

const WIDTH = 760;
const HEIGHT = 460;
const LEFT = 84;
const RIGHT = 620;
const TOP = 56;
const BOTTOM = 400;
const POINTS = 80;
/** The first points, where every line comes up from nothing, do not widen the picture. */
const STEEP_POINTS = 8;
const LABEL_HEIGHT = 16;
/** Below this a line leaves the picture. */
const LEAST_EXPONENT = -30;
const LABELLED_DECADES_MAX = 12;
const COLOURS = [
  "#0055cc",
  "#cc3300",
  "#228833",
  "#aa3377",
  "#b8860b",
  "#008b8b",
  "#555555",
  "#7744cc",
] as const;

interface Line {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly { readonly hours: number; readonly exponent: number }[];
}

/** The probability of loss over time, as SVG. */
export function plotLosses(comparison: Comparison): string {
  const lines = comparison.layouts.map((layout, index) => lineOf(comparison, layout, index));
  const exponents = lines.flatMap(({ points }) =>
    points.slice(STEEP_POINTS).map(({ exponent }) => exponent),
  );
  const lowest = Math.min(-1, Math.max(LEAST_EXPONENT, Math.floor(Math.min(0, ...exponents))));
  const x = (hours: number): number => LEFT + (hours / comparison.missionHours) * (RIGHT - LEFT);
  const y = (exponent: number): number =>
    TOP + (Math.max(lowest, exponent) / lowest) * (BOTTOM - TOP);
  const labels = spreadOut(lines.map(({ points }) => y(points.at(-1)?.exponent ?? 0)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" ` +
      `height="${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(titleOf(comparison))}</title>`,
    '<rect width="100%" height="100%" fill="white"/>',
    `<text x="${LEFT}" y="28" font-size="14">${escaped(titleOf(comparison))}</text>`,
    ...decades(lowest, y),
    ...years(comparison.missionHours, x),
    `<text x="20" y="${(TOP + BOTTOM) / 2}" text-anchor="middle" ` +
      `transform="rotate(-90 20 ${(TOP + BOTTOM) / 2})">probability of data loss</text>`,
    `<text x="${(LEFT + RIGHT) / 2}" y="${BOTTOM + 40}" text-anchor="middle">time</text>`,
    ...lines.map(({ points, colour }) => {
      const path = points.map(
        ({ hours, exponent }, at) =>
          `${at === 0 ? "M" : "L"}${x(hours).toFixed(1)},${y(exponent).toFixed(1)}`,
      );
      return `<path d="${path.join("")}" fill="none" stroke="${colour}" stroke-width="2"/>`;
    }),
    ...lines.map(({ name, colour, points }, index) => {
      const at = labels[index] ?? 0;
      const end = y(points.at(-1)?.exponent ?? 0);
      return (
        `<path d="M${RIGHT + 2},${end.toFixed(1)}L${RIGHT + 14},${at.toFixed(1)}" ` +
        `stroke="${colour}"/><text x="${RIGHT + 18}" y="${(at + 4).toFixed(1)}" ` +
        `fill="${colour}">${escaped(name)}</text>`
      );
    }),
    "</svg>",
    "",
  ].join("\n");
}

const BAR_COLUMNS = 44;

/** A bar for each layout, as long as it has nines. */
export function drawNines(reports: readonly LayoutReport[]): readonly string[] {
  const most = Math.max(1, ...reports.map(({ nines }) => nines).filter(Number.isFinite));
  const nameColumns = Math.max(...reports.map(({ name }) => name.length));
  return reports.map(({ name, nines }) => {
    const length = Math.round((Math.min(nines, most) / most) * BAR_COLUMNS);
    return `${name.padEnd(nameColumns)}  ${"█".repeat(Math.max(1, length))} ${nines.toFixed(1)}`;
  });
}

function titleOf({ member, missionHours }: Comparison): string {
  return (
    `Data loss within ${describeHours(missionHours)}; disks with an MTTF of ` +
    `${describeHours(member.mttfHours)}, an MTTR of ${describeHours(member.mttrHours)}`
  );
}

function lineOf({ member, missionHours }: Comparison, layout: Layout, index: number): Line {
  const points = Array.from({ length: POINTS }, (_, at) => {
    // Closer together at first, where the lines are steep.
    const hours = missionHours * ((at + 1) / POINTS) ** 2;
    const loss = lossProbability(arrayOf(layout, member), hours);
    return { hours, exponent: Math.max(LEAST_EXPONENT, Math.log10(loss)) };
  });
  return { name: layout.name, colour: COLOURS[index % COLOURS.length] ?? "", points };
}

function decades(lowest: number, y: (exponent: number) => number): readonly string[] {
  const every = Math.ceil(-lowest / LABELLED_DECADES_MAX);
  const count = Math.floor(-lowest / every) + 1;
  return Array.from({ length: count }, (_, index) => {
    const exponent = index === 0 ? 0 : -index * every;
    const label = exponent === 0 ? "1" : `1e${exponent}`;
    return (
      `<path d="M${LEFT},${y(exponent).toFixed(1)}H${RIGHT}" stroke="#ddd"/>` +
      `<text x="${LEFT - 8}" y="${(y(exponent) + 4).toFixed(1)}" text-anchor="end">${label}</text>`
    );
  });
}

/** Five marks, in years, or in what is fit where the mission is shorter than one. */
function years(missionHours: number, x: (hours: number) => number): readonly string[] {
  const marks = 5;
  return Array.from({ length: marks + 1 }, (_, index) => {
    const hours = (missionHours * index) / marks;
    const isYears = marks * HOURS_PER_YEAR <= missionHours;
    const words = isYears ? `${Number((hours / HOURS_PER_YEAR).toPrecision(3))} y` : short(hours);
    const at = `x="${x(hours).toFixed(1)}" y="${BOTTOM + 20}"`;
    return `<text ${at} text-anchor="middle">${words}</text>`;
  });
}

function short(hours: number): string {
  return hours === 0 ? "0" : describeHours(hours);
}

/** Moves what lies too close together apart, in order, and within the picture. */
function spreadOut(wanted: readonly number[]): readonly number[] {
  const order = wanted.map((_, index) => index);
  order.sort((left, right) => (wanted[left] ?? 0) - (wanted[right] ?? 0) || left - right);
  const placed = wanted.slice();
  let above = Number.NEGATIVE_INFINITY;
  for (const index of order) {
    above = Math.max(wanted[index] ?? 0, above + LABEL_HEIGHT);
    placed[index] = above;
  }
  let below = BOTTOM + LABEL_HEIGHT;
  for (const index of order.toReversed()) {
    below = Math.min(placed[index] ?? 0, below - LABEL_HEIGHT);
    placed[index] = below;
  }
  return placed;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
