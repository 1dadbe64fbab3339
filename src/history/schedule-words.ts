/** The report on a schedule for a person. */

import type {
  LockAnswer,
  ScheduleReport,
  SerialAnswer,
  TwoPhaseAnswer,
} from "./schedule-report.ts";

const ORDERS_SHOWN_MAX = 10;

/** The report as text for a person. */
export function describeSchedule(report: ScheduleReport): string {
  return [
    report.schedule,
    "",
    ...conflictLines(report),
    ...serialLines(report),
    ...recoveryLines(report),
    ...Object.entries(report.twoPhaseLocking).flatMap(([rule, answer]) =>
      twoPhaseLines(rule, answer),
    ),
    ...lockLines(report.locking),
  ].join("\n");
}

function conflictLines({ conflicts, graph }: ScheduleReport): readonly string[] {
  if (conflicts.length === 0) return ["no conflicts"];
  return [
    `conflicts: ${conflicts.map(({ first, second }) => `${first}-${second}`).join(", ")}`,
    `conflict graph: ${graph.map(({ from, to }) => `${from} -> ${to}`).join(", ")}`,
  ];
}

function serialLines(report: ScheduleReport): readonly string[] {
  const { serialOrders = [], serialOrdersCut = false, cycle = [] } = report;
  const shown = serialOrders.slice(0, ORDERS_SHOWN_MAX).map((order) => `  ${order.join(" ")}`);
  const isCut = serialOrdersCut || shown.length < serialOrders.length;
  const steps = cycle.map(
    ({ transaction, before, because }, index) =>
      `  ${index + 1}. ${transaction} must come before ${before}: ${because}`,
  );
  return [
    `conflict-serializable: ${yesNo(report.conflictSerializable)}`,
    ...(report.conflictSerializable ? [...shown, ...(isCut ? ["  ..."] : [])] : steps),
    ...(steps.length > 0 ? ["  ... which closes the cycle: contradiction."] : []),
    `view-serializable: ${serialWords(report.viewSerializable)}`,
    `final-state-serializable: ${serialWords(report.finalStateSerializable)}`,
  ];
}

function serialWords({ holds, order, reason }: SerialAnswer): string {
  if (holds === null) return `unknown: ${reason ?? ""}`;
  return order === undefined ? yesNo(holds) : `${yesNo(holds)}, as ${order.join(" ")}`;
}

function recoveryLines({ recovery }: ScheduleReport): readonly string[] {
  if (recovery === null) return ["recoverable: no transaction commits or aborts"];
  return Object.entries(recovery).map(([name, { holds, because }]) =>
    because === undefined ? `${name}: ${yesNo(holds)}` : `${name}: ${yesNo(holds)}: ${because}`,
  );
}

function twoPhaseLines(rule: string, answer: TwoPhaseAnswer): readonly string[] {
  const name = rule === "plain" ? "two-phase locking" : `${rule} two-phase locking`;
  if (answer.possible) return [`${name}: possible`, `  ${answer.locked ?? ""}`];
  return [
    `${name}: not possible: ${answer.waiting ?? ""} would have to wait: ${answer.because ?? ""}`,
  ];
}

function lockLines({ executed, waits, deadlock, offences }: LockAnswer): readonly string[] {
  return [
    `a lock table would run: ${executed}`,
    ...waits.map(({ operation, waitsFor }) => `  ${operation} waits for ${waitsFor.join(" and ")}`),
    ...offences.map((offence) => `  ${offence}`),
    ...(deadlock === null
      ? []
      : [
          `deadlock: ${deadlock
            .map(
              ({ transaction, operation, item }) =>
                `${transaction} waits for ${item} (${operation})`,
            )
            .join(", ")}`,
        ]),
  ];
}

function yesNo(holds: boolean): string {
  return holds ? "yes" : "no";
}
