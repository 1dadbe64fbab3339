import { describe, expect, test } from "vitest";
import { bruteForceSchedule } from "./brute-force-schedules.ts";
import { toDot, toSvg } from "./drawing.ts";
import { everySchedule, randomSchedule } from "./generate-schedules.ts";
import { parseSchedule } from "./parse-schedule.ts";
import { conflictGraph, serialOrders, shortestCycle } from "./conflicts.ts";
import { runLocks } from "./lock-run.ts";
import { recoveryClasses } from "./recovery-classes.ts";
import { formatSchedule, type Schedule } from "./schedule.ts";
import { drawSchedule, drawWaits, reportOnSchedule } from "./schedule-report.ts";
import { describeSchedule } from "./schedule-words.ts";
import { finalStateSerialOrder, viewSerialOrder } from "./serial-search.ts";

interface Example {
  readonly book: string;
  readonly schedule: string;
  readonly conflict: boolean;
  readonly view?: boolean;
  readonly finalState?: boolean;
  readonly recoverable?: boolean;
  readonly cascadeless?: boolean;
  readonly strict?: boolean;
  readonly twoPhase?: boolean;
}

const examples: readonly Example[] = [
  {
    book: "Weikum and Vossen, the lost update",
    schedule: "r1(x) r2(x) w1(x) w2(x) c1 c2",
    conflict: false,
    view: false,
    finalState: false,
    twoPhase: false,
  },
  {
    book: "Weikum and Vossen, the inconsistent read: its reads are dead, so final states miss it",
    schedule: "r2(x) w2(x) r1(x) r1(y) r2(y) w2(y) c1 c2",
    conflict: false,
    view: false,
    finalState: true,
    twoPhase: false,
  },
  {
    book: "Weikum and Vossen, the dirty read",
    schedule: "r1(x) w1(x) r2(x) a1 w2(x) c2",
    conflict: true,
    cascadeless: false,
    recoverable: false,
  },
  {
    book: "Weikum and Vossen, conflict-serializable and not order-preserving, so not two-phase",
    schedule: "w1(x) r2(x) c2 r3(y) c3 w1(y) c1",
    conflict: true,
    view: true,
    twoPhase: false,
  },
  {
    book: "Elmasri and Navathe, Sa",
    schedule: "r1(X); r2(X); w1(X); r1(Y); w2(X); w1(Y);",
    conflict: false,
  },
  {
    book: "Elmasri and Navathe, Sg: blind writes",
    schedule: "r1(X); w2(X); w1(X); w3(X); c1; c2; c3;",
    conflict: false,
    view: true,
    finalState: true,
    twoPhase: false,
  },
  {
    book: "Silberschatz, Korth and Sudarshan, schedule 3",
    schedule: "r1(A) w1(A) r2(A) w2(A) r1(B) w1(B) r2(B) w2(B)",
    conflict: true,
    view: true,
    twoPhase: true,
  },
  {
    book: "Silberschatz, Korth and Sudarshan, schedule 4",
    schedule: "r1(A) r2(A) w2(A) r2(B) w1(A) r1(B) w1(B) w2(B)",
    conflict: false,
    view: false,
  },
  {
    book: "Bernstein, Hadzilacos and Goodman, H7: not recoverable",
    schedule: "w1[x] w1[y] r2[u] w2[x] r2[y] w2[y] c2 w1[z] c1",
    conflict: true,
    recoverable: false,
    cascadeless: false,
    strict: false,
  },
  {
    book: "Bernstein, Hadzilacos and Goodman, H8: recoverable",
    schedule: "w1[x] w1[y] r2[u] w2[x] r2[y] w2[y] w1[z] c1 c2",
    conflict: true,
    recoverable: true,
    cascadeless: false,
    strict: false,
  },
  {
    book: "Bernstein, Hadzilacos and Goodman, H9: avoids cascading aborts",
    schedule: "w1[x] w1[y] r2[u] w2[x] w1[z] c1 r2[y] w2[y] c2",
    conflict: true,
    recoverable: true,
    cascadeless: true,
    strict: false,
  },
  {
    book: "Bernstein, Hadzilacos and Goodman, H10: strict",
    schedule: "w1[x] w1[y] r2[u] w1[z] c1 w2[x] r2[y] w2[y] c2",
    conflict: true,
    recoverable: true,
    cascadeless: true,
    strict: true,
    twoPhase: true,
  },
];

describe("schedules of the textbooks have the answers of the textbooks", () => {
  for (const example of examples) {
    test(`${example.book}: ${example.schedule}`, () => {
      const report = reportOnSchedule(parseSchedule(example.schedule));
      const { recovery } = report;
      const found: Example = {
        book: example.book,
        schedule: example.schedule,
        conflict: report.conflictSerializable,
        ...only("view", example.view, report.viewSerializable.holds),
        ...only("finalState", example.finalState, report.finalStateSerializable.holds),
        ...only("recoverable", example.recoverable, recovery?.recoverable.holds),
        ...only("cascadeless", example.cascadeless, recovery?.cascadeless.holds),
        ...only("strict", example.strict, recovery?.strict.holds),
        ...only("twoPhase", example.twoPhase, report.twoPhaseLocking.plain.possible),
      };
      expect(found).toEqual(example);
    });
  }
});

/** What was found, if the example says anything about it. */
function only(name: string, said: unknown, found: unknown): object {
  return said === undefined ? {} : { [name]: found };
}

function agrees(schedule: Schedule): void {
  const expected = bruteForceSchedule(schedule);
  const graph = conflictGraph(schedule);
  const cycle = shortestCycle(graph);
  const text = formatSchedule(schedule);
  expect(cycle === undefined, text).toBe(expected.conflictOrders.length > 0);
  if (cycle === undefined) {
    const orders = serialOrders(graph, 1000).map((order) => order.join(" "));
    expect(orders.toSorted(), text).toEqual(expected.conflictOrders.toSorted());
  }
  const view = viewSerialOrder(schedule).kind;
  expect(view, text).toBe(expected.isViewSerializable ? "yes" : "no");
  const finalState = finalStateSerialOrder(schedule).kind;
  expect(finalState, text).toBe(expected.isFinalStateSerializable ? "yes" : "no");
}

/** Of schedules that differ only in the names of transactions and items, the first. */
function isCanonical({ transactions, operations }: Schedule): boolean {
  const inOrder = transactions.every((one, at) => one === String(at + 1));
  return inOrder && operations[0]?.item === "x";
}

describe("the answers are those of trying every serial order", () => {
  test("all schedules of two transactions with up to two operations each", () => {
    for (const schedule of everySchedule([2, 2], ["x", "y"])) agrees(schedule);
  });

  test("all schedules of three transactions with up to two operations each", () => {
    let count = 0;
    for (const schedule of everySchedule([2, 2, 2], ["x", "y"])) {
      if (!isCanonical(schedule) || count++ % 8 > 0) continue;
      agrees(schedule);
    }
    expect(count).toBeGreaterThan(30_000);
  }, 30_000);

  test("larger ones at random", () => {
    for (let seed = 0; seed < 1500; seed++) {
      const size = { transactions: 2 + (seed % 3), operations: 6 + (seed % 6), items: 3 };
      agrees(randomSchedule({ seed, ...size, ends: false }));
    }
  });
});

test("the classes of recovery lie within each other, and strict serial ones in all", () => {
  for (let seed = 0; seed < 3000; seed++) {
    const schedule = randomSchedule({ seed, transactions: 3, operations: 9, items: 2, ends: true });
    const found = recoveryClasses(schedule);
    if (found === undefined) continue;
    const { recoverable, cascadeless, strict, rigorous } = found;
    if (rigorous.holds) expect(strict.holds).toBe(true);
    if (strict.holds) expect(cascadeless.holds).toBe(true);
    if (cascadeless.holds) expect(recoverable.holds, formatSchedule(schedule)).toBe(true);
  }
});

describe("the parser", () => {
  test("reads all hands", () => {
    const text = "b1 R1[x], write_1(x); inc2(y) sl3(z) XL3(z) u3(z) r_alice(long name) commit1 a2";
    const schedule = parseSchedule(text);
    expect(formatSchedule(schedule)).toBe(
      "b1 r1(x) w1(x) inc2(y) sl3(z) xl3(z) u3(z) r_alice(long name) c1 a2",
    );
    expect(formatSchedule(parseSchedule(formatSchedule(schedule)))).toBe(formatSchedule(schedule));
  });

  const wrong: Record<string, readonly [number, string]> = {
    "r1(x) q2(y)": [6, '"q" is no operation'],
    "r1(x) w(y)": [7, "the transaction is missing"],
    "r1(x) w2": [8, "the item is missing"],
    "r1(x) w2()": [9, "the item is missing"],
    "r1(x": [4, '")" is missing'],
    "r1(x] w2(y)": [4, '")" is missing'],
    "r1(x) c1 w1(x)": [9, "has already ended by c1"],
    "r1(x) 7": [6, '"7" is no operation'],
    "": [0, "write a schedule"],
    "constructor1(x)": [0, '"constructor" is no operation'],
  };
  for (const [text, [at, reason]] of Object.entries(wrong)) {
    test(`points at what is wrong with "${text}"`, () => {
      expect(() => parseSchedule(text)).toThrow(reason);
      expect(() => parseSchedule(text)).toThrow(`at character ${at + 1}:`);
    });
  }
});

describe("locks", () => {
  test("two that want what the other has", () => {
    const run = runLocks(parseSchedule("xl1(x) xl2(y) xl1(y) xl2(x)"));
    expect(run.deadlock?.map(({ transaction, item }) => `${transaction} ${item}`)).toEqual([
      "2 x",
      "1 y",
    ]);
  });

  test("two that read and then want to write", () => {
    const run = runLocks(parseSchedule("r1(x) r2(x) w1(x) w2(x) c1 c2"));
    expect(run.deadlock).toHaveLength(2);
  });

  test("who waits gets on when the other ends", () => {
    const run = runLocks(parseSchedule("w1(x) r2(x) r2(y) c1 c2"));
    expect(run.deadlock).toBe(undefined);
    expect(formatSchedule({ operations: run.executed, transactions: [] })).toBe(
      "w1(x) c1 r2(x) r2(y) c2",
    );
  });

  test("a reader does not pass a waiting writer", () => {
    const run = runLocks(parseSchedule("r1(x) w2(x) r3(x) c1 c2 c3"));
    expect(run.waits.map(({ transaction, waitsFor }) => [transaction, ...waitsFor])).toEqual([
      ["2", "1"],
      ["3", "2"],
    ]);
  });

  test("what the locks do not cover is said", () => {
    const run = runLocks(parseSchedule("sl1(x) w1(x) u1(x) r1(y) sl1(y) u1(z)"));
    expect(run.offences.map(({ offence }) => offence)).toEqual([
      "has only a shared lock on the item",
      "has no lock on the item",
      "locks after it unlocked",
      "unlocks what it has not locked",
    ]);
  });
});

test("a read depends on every increment since the last write", () => {
  const dirty = parseSchedule("inc1(x) inc2(x) c2 r3(x) c3 c1");
  expect(recoveryClasses(dirty)).toMatchObject({
    recoverable: { holds: false },
    cascadeless: { holds: false },
  });
  const written = reportOnSchedule(parseSchedule("inc1(x) w2(x) dec3(x) dec4(x) r4(x) c2 c3 c4"));
  expect(written.readsFrom).toEqual([
    { read: "r4(x)", write: "dec3(x)" },
    { read: "r4(x)", write: "w2(x)" },
  ]);
});

test("increments commute with each other and with nothing else", () => {
  const report = reportOnSchedule(parseSchedule("inc1(x) inc2(x) dec1(x) r3(x)"));
  expect(report.conflictSerializable).toBe(true);
  expect(report.serialOrders).toEqual([
    ["T1", "T2", "T3"],
    ["T2", "T1", "T3"],
  ]);
  expect(report.viewSerializable.holds).toBe(null);
});

test("a report in words", () => {
  const report = reportOnSchedule(parseSchedule("r1(x) w2(x) w1(x) c1 c2"));
  const lines = describeSchedule(report).split("\n");
  expect(lines.slice(0, 8)).toEqual([
    "r1(x) w2(x) w1(x) c1 c2",
    "",
    "conflicts: r1(x)-w2(x), w2(x)-w1(x)",
    "conflict graph: T1 -> T2, T2 -> T1",
    "conflict-serializable: no",
    "  1. T1 must come before T2: r1(x) comes before w2(x)",
    "  2. T2 must come before T1: w2(x) comes before w1(x)",
    "  ... which closes the cycle: contradiction.",
  ]);
  expect(lines).toContain("strict: no: w1(x) follows w2(x) before T2 has ended");
});

test("drawings name every transaction and mark the cycle", () => {
  const schedule = parseSchedule('r1(x"<) w2(x"<) w1(x"<) c1 c2');
  const dot = toDot(drawSchedule(schedule));
  expect(dot).toContain('"1" -> "2" [label="r1(x\\"<) w2(x\\"<)", color=red');
  const svg = toSvg(drawSchedule(schedule));
  expect(svg).toContain("r1(x&quot;&lt;) w2(x&quot;&lt;)");
  expect(svg.match(/<g>/g)).toHaveLength(2);
  const waits = toDot(drawWaits(parseSchedule("r1(x) r2(x) w1(x) w2(x)")));
  expect(waits).toContain('"1" -> "2" [label="w1(x)", color=red');
});
