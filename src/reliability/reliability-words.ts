/** What a comparison says, as text for a person. */

import {
  availability,
  downHoursPerYear,
  mtbfHours,
  nines,
  unavailability,
} from "./availability.ts";
import type { Comparison, LayoutReport } from "./comparison.ts";
import { drawNines } from "./loss-plot.ts";
import type { Estimate, MeasuredFigures } from "./measured.ts";
import type { SimulatedEstimate } from "./monte-carlo.ts";
import { describeBytes, describeHours, describeRest, describeShare } from "./quantities.ts";

/** The availability of one member, in figures. */
export function memberFigures(member: { mttfHours: number; mttrHours: number }): {
  readonly mttfHours: number;
  readonly mttrHours: number;
  readonly mtbfHours: number;
  readonly availability: number;
  readonly unavailability: number;
  readonly nines: number;
  readonly downHoursPerYear: number;
} {
  const down = unavailability(member);
  return {
    mttfHours: member.mttfHours,
    mttrHours: member.mttrHours,
    mtbfHours: mtbfHours(member),
    availability: availability(member),
    unavailability: down,
    nines: nines(down),
    downHoursPerYear: downHoursPerYear(down),
  };
}

/** The comparison as lines for a person. */
export function describeComparison(
  comparison: Comparison,
  reports: readonly LayoutReport[],
): readonly string[] {
  return [
    describeMember(comparison),
    "",
    ...tableOf(mainColumns(comparison), reports),
    ...simulationTable(comparison, reports),
    "",
    `nines of ${describeHours(comparison.missionHours)} without loss:`,
    ...drawNines(reports).map((line) => `  ${line}`),
  ];
}

/** What was measured, a line for each figure. */
export function describeMeasured(figures: MeasuredFigures, confidence: number): readonly string[] {
  const percent = `${Number((100 * confidence).toPrecision(4))} %`;
  const lines = [describeEstimate("MTTF", figures.mttfHours, percent, describeHours)];
  if (figures.mttrHours !== undefined) {
    lines.push(describeEstimate("MTTR", figures.mttrHours, percent, describeHours));
  }
  if (figures.errorsPerBit !== undefined) {
    lines.push(describeEstimate("errors a bit", figures.errorsPerBit, percent, describeShare));
  }
  return lines;
}

function describeEstimate(
  name: string,
  { estimate, low, high, isGuess }: Estimate,
  percent: string,
  describe: (value: number) => string,
): string {
  const interval = `${percent} interval ${describe(low)} to ${describe(high)}`;
  const guess = isGuess ? "; nothing was counted yet, so this is a guess" : "";
  return `measured ${name}: ${describe(estimate)}, ${interval}${guess}`;
}

function describeMember({ member }: Comparison): string {
  const figures = memberFigures(member);
  return (
    `one member: MTTF ${describeHours(figures.mttfHours)}, ` +
    `MTTR ${describeHours(figures.mttrHours)}, MTBF ${describeHours(figures.mtbfHours)}; ` +
    `available ${describeRest(figures.unavailability)}, ` +
    `down ${describeHours(figures.downHoursPerYear)} a year`
  );
}

interface Column {
  readonly title: string;
  readonly text: (report: LayoutReport) => string;
}

function mainColumns({ missionHours, bounds }: Comparison): readonly Column[] {
  const mission = describeHours(missionHours);
  const columns: Column[] = [
    { title: "layout", text: ({ name }) => name },
    { title: "members", text: ({ memberCount, groupCount }) => disksOf(memberCount, groupCount) },
    { title: "survives", text: ({ toleratedCount }) => String(toleratedCount) },
    { title: "usable", text: (report) => usableOf(report) },
    { title: "MTTDL", text: (report) => describeHours(report.mttdlHours) },
    { title: `loss in ${mission}`, text: (report) => describeShare(report.lossProbability) },
    { title: "failures alone", text: (report) => describeShare(report.wholeLossProbability) },
    { title: "nines", text: (report) => report.nines.toFixed(1) },
    { title: "available", text: (report) => describeRest(report.unavailability) },
  ];
  if (bounds !== undefined) {
    columns.push({
      title: "loss, best to worst",
      text: ({ lossBounds }) =>
        `${describeShare(lossBounds?.low ?? 0)} to ${describeShare(lossBounds?.high ?? 0)}`,
    });
  }
  return columns;
}

function simulationTable(
  { simulation }: Comparison,
  reports: readonly LayoutReport[],
): readonly string[] {
  if (simulation === undefined) return [];
  const { pathCount, seed, confidence } = simulation;
  const percent = Number((100 * confidence).toPrecision(4));
  const columns: Column[] = [
    { title: "layout", text: ({ name }) => name },
    {
      title: "MTTDL",
      text: ({ simulated }) => intervalOf(simulated?.mttdlHours, describeHours),
    },
    {
      title: "loss",
      text: ({ simulated }) => intervalOf(simulated?.lossProbability, describeShare),
    },
  ];
  const title = `by simulation (${pathCount} paths, seed ${seed}, ${percent} % intervals):`;
  return ["", title, ...tableOf(columns, reports)];
}

function intervalOf(
  simulated: SimulatedEstimate | undefined,
  describe: (value: number) => string,
): string {
  if (simulated === undefined) return "";
  const { estimate, low, high } = simulated;
  return `${describe(estimate)} (${describe(low)} to ${describe(high)})`;
}

function disksOf(memberCount: number, groupCount: number): string {
  return groupCount === 1 ? String(memberCount) : `${groupCount} x ${memberCount}`;
}

function usableOf({ usableShare, usableBytes }: LayoutReport): string {
  const share = describeShare(usableShare);
  return usableBytes === undefined ? share : `${describeBytes(usableBytes)} (${share})`;
}

function tableOf(columns: readonly Column[], reports: readonly LayoutReport[]): readonly string[] {
  const rows = [
    columns.map(({ title }) => title),
    ...reports.map((report) => columns.map(({ text }) => text(report))),
  ];
  const widths = columns.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
