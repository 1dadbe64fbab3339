import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { serialTransactions } from "./generate-transactions.ts";
import { checkListAppend } from "./list-append.ts";
import { checkRegisters } from "./rw-register.ts";
import { refuteProof } from "./replay-proof.ts";
import { hasSerialOrder } from "./slow-list-append.ts";
import { SmallRandom } from "./small-random.ts";
import type { Operation } from "./operation-history.ts";
import { FAIL, INFO, OK, TransactionLog } from "./transaction-log.ts";
import type { TransactionReport } from "./transaction-report.ts";
import { operationsOfLog, transactionsModel } from "./transactions-model.ts";
import { linearize } from "./linearize.ts";

/**
 * One line for each event: `1( ` begins a transaction of session 1, `1) a.x.1 r.x.1,2` ends it:
 * append 1 to x, read [1 2]; `r.x.` reads the empty list. `1?` ends it unknown, `1!` aborted.
 * `w.x.1` and `v.x.1` write and read a register, `v.x.` finds nothing in it.
 */
function history(...lines: readonly string[]): TransactionLog {
  const log = new TransactionLog();
  for (const line of lines) {
    const [head = "", ...operations] = line.split(" ");
    const session = head.slice(0, -1);
    const sign = head.slice(-1);
    if (sign === "(") {
      log.begin(session);
      continue;
    }
    const status = sign === "!" ? FAIL : sign === "?" ? INFO : OK;
    log.complete(session, status);
    for (const operation of operations) add(log, operation);
  }
  return log;
}

function add(log: TransactionLog, operation: string): void {
  const [name, key = "", value = ""] = operation.split(".");
  const found = value === "" ? [] : value.split(",").map(Number);
  if (name === "a") log.append(key, Number(value));
  else if (name === "w") log.write(key, Number(value));
  else if (name === "v") log.readValue(key, value === "" ? null : Number(value));
  else log.readList(key, found);
}

interface Planted {
  readonly name: string;
  readonly lines: readonly string[];
}

const all = ["1(", "2(", "3(", "4("];

const plantedLists: Record<string, Planted> = {
  "overwrites in two orders": {
    name: "G0",
    lines: [...all, "1) a.x.1 a.y.1", "2) a.x.2 a.y.2", "3) r.x.1,2", "4) r.y.2,1"],
  },
  "a read of an aborted append": { name: "G1a", lines: ["1(", "2(", "1! a.x.1", "2) r.x.1"] },
  "a read of half of a transaction's appends": {
    name: "G1b",
    lines: ["1(", "2(", "1) a.x.1 a.x.2", "2) r.x.1"],
  },
  "two that read each other": {
    name: "G1c",
    lines: ["1(", "2(", "1) a.x.1 r.y.1", "2) a.y.1 r.x.1"],
  },
  "half of a transaction": {
    name: "G-single",
    lines: [...all, "1) a.x.1 a.y.1", "2) r.x.1 r.y.", "3) r.y.1"],
  },
  "a long fork": {
    name: "G-nonadjacent",
    lines: [...all, "1) a.x.1", "2) a.y.1", "3) r.x.1 r.y.", "4) r.x. r.y.1"],
  },
  "write skew": {
    name: "G2-item",
    lines: [...all, "1) r.x. a.y.1", "2) r.y. a.x.1", "3) r.x.1 r.y.1"],
  },
  "an update of the same version": {
    name: "lost-update",
    lines: [...all, "1) r.x. a.x.1", "2) r.x. a.x.2", "3) r.x.1,2"],
  },
  "its own appends the other way round": {
    name: "incompatible-order",
    lines: ["1(", "2(", "1) a.x.1 a.x.2", "2) r.x.2,1"],
  },
  "its own append unseen": { name: "internal", lines: ["1(", "1) a.x.1 r.x."] },
  "a list that changes between reads": {
    name: "internal",
    lines: ["1(", "2(", "1) a.x.1", "2) r.x. r.x.1"],
  },
  "a list that is another one at the second read": {
    name: "internal",
    lines: ["1(", "2(", "3(", "1) a.x.1", "2) a.x.2", "3) r.x.1 r.x.2"],
  },
  "its own append seen too early": { name: "internal", lines: ["1(", "1) r.x.1 a.x.1"] },
  "an element twice": { name: "duplicate-elements", lines: ["1(", "2(", "1) a.x.1", "2) r.x.1,1"] },
  "an element from nowhere": { name: "phantom-value", lines: ["1(", "1) r.x.7"] },
  "orders that do not fit": {
    name: "incompatible-order",
    lines: [...all, "1) a.x.1", "2) a.x.2", "3) r.x.1,2", "4) r.x.2"],
  },
  "a stale read": { name: "G-single-realtime", lines: ["1(", "1) a.x.1", "2(", "2) r.x."] },
  "an acknowledged append that is gone": {
    name: "G-single-realtime",
    lines: ["1(", "1) a.x.1", "2(", "2) r.x.", "3(", "3) a.x.2", "4(", "4) r.x.2"],
  },
  "a session that goes back": {
    name: "G-single-process",
    lines: ["2(", "1(", "1) a.x.1 ", "1(", "1) r.x.", "2) r.x.1"],
  },
  "overwrites against time": {
    name: "G0-realtime",
    lines: ["1(", "1) a.x.1", "2(", "2) a.x.2", "3(", "3) r.x.2,1"],
  },
  "reads of the future": {
    name: "G1c-realtime",
    lines: ["1(", "1) r.x.1", "2(", "2) a.x.1"],
  },
  "write skew in sessions": {
    name: "G-nonadjacent-process",
    lines: ["1(", "2(", "1) a.x.1", "2) a.y.1", "1(", "2(", "1) r.y.", "2) r.x."],
  },
};

const plantedRegisters: Record<string, Planted> = {
  "a read of an aborted write": { name: "G1a", lines: ["1(", "2(", "1! w.x.1", "2) v.x.1"] },
  "a read of a value that was overwritten": {
    name: "G1b",
    lines: ["1(", "2(", "1) w.x.1 w.x.2", "2) v.x.1"],
  },
  "two that read each other": {
    name: "G1c",
    lines: ["1(", "2(", "1) w.x.1 v.y.1", "2) w.y.1 v.x.1"],
  },
  "half of a transaction": {
    name: "G-single",
    lines: ["1(", "2(", "1) w.x.1 w.y.1", "2) v.x.1 v.y."],
  },
  "a long fork": {
    name: "G-nonadjacent",
    lines: [...all, "1) w.x.1", "2) w.y.1", "3) v.x.1 v.y.", "4) v.x. v.y.1"],
  },
  "write skew": { name: "G2-item", lines: ["1(", "2(", "1) v.x. w.y.1", "2) v.y. w.x.1"] },
  "an update of the same version": {
    name: "lost-update",
    lines: [...all, "1) w.x.1", "2) v.x.1 w.x.2", "3) v.x.1 w.x.3"],
  },
  "its own write unseen": { name: "internal", lines: ["1(", "1) w.x.1 v.x."] },
  "a value that is another one at the second read": {
    name: "internal",
    lines: ["1(", "2(", "3(", "1) w.x.1", "2) w.x.2", "3) v.x.1 v.x.2"],
  },
  "a value from nowhere": { name: "phantom-value", lines: ["1(", "1) v.x.7"] },
  "a stale read": {
    name: "G-single-realtime",
    lines: ["1(", "1) w.x.1", "2(", "2) w.x.2", "3(", "3) v.x.1"],
  },
  "what only trying all orders shows": {
    name: "not-linearizable",
    lines: [
      "1(",
      "2(",
      "1) w.x.1",
      "2) w.x.2",
      "3(",
      "3) v.x.1",
      "4(",
      "4) v.x.2",
      "5(",
      "5) v.x.1",
    ],
  },
};

function names({ anomalies }: TransactionReport): readonly string[] {
  return anomalies.map(({ name }) => name);
}

describe("planted anomalies of lists are found, named and proved", () => {
  for (const [title, { name, lines }] of Object.entries(plantedLists)) {
    test(`${name}: ${title}`, () => {
      const log = history(...lines);
      const report = checkListAppend(log);
      expect(report.verdict.kind).toBe("invalid");
      expect(names(report)).toContain(name);
      for (const anomaly of report.anomalies) expect(refuteProof(log, anomaly)).toEqual([]);
    });
  }
});

describe("planted anomalies of registers are found, named and proved", () => {
  for (const [title, { name, lines }] of Object.entries(plantedRegisters)) {
    test(`${name}: ${title}`, () => {
      const log = history(...lines);
      const report = checkRegisters(log);
      expect(report.verdict.kind).toBe("invalid");
      expect(names(report)).toContain(name);
      for (const anomaly of report.anomalies) expect(refuteProof(log, anomaly)).toEqual([]);
    });
  }
});

describe("the strongest level that is left", () => {
  const levels: Record<string, readonly string[]> = {
    "overwrites in two orders": [],
    "a read of an aborted append": ["read-uncommitted"],
    "half of a transaction": ["read-committed"],
    "a long fork": ["read-committed"],
    "write skew": ["strong-snapshot-isolation"],
    "a stale read": ["strong-session-serializable"],
    "a session that goes back": ["serializable"],
  };
  for (const [title, expected] of Object.entries(levels)) {
    test(title, () => {
      expect(checkListAppend(history(...(plantedLists[title]?.lines ?? []))).levels).toEqual(
        expected,
      );
    });
  }
});

test("an unknown append counts if it was read", () => {
  expect(checkListAppend(history("1(", "2(", "1? a.x.1", "2) r.x.1")).verdict.kind).toBe("valid");
  expect(checkListAppend(history("1(", "2(", "1? a.x.1", "2) r.x.")).verdict.kind).toBe("valid");
  const gone = history("1(", "1? a.x.1", "2(", "2) r.x.1", "3(", "3) r.x.");
  expect(names(checkListAppend(gone))).toContain("G-single-realtime");
});

test("what its session gave up may still happen later", () => {
  const late = ["1(", "1? a.x.1", "1(", "1) r.x.", "2(", "2) r.x.1"];
  expect(checkListAppend(history(...late)).verdict.kind).toBe("valid");
  const registers = ["1(", "1? w.x.1", "1(", "1) v.x.", "2(", "2) v.x.1"];
  expect(checkRegisters(history(...registers)).verdict.kind).toBe("valid");
});

test("of many appends that nobody read each one counts", () => {
  const processes = Array.from({ length: 300 }, (_, at) => `${at}`);
  const begins = ["r(", ...processes.map((process) => `${process}(`)];
  const appends = processes.map((process) => `${process}) a.x.${process}`);
  const half = history(...begins, ...appends, "w(", "w) a.x.300 a.y.1", "r) r.x. r.y.1");
  expect(names(checkListAppend(half))).toContain("G-single");

  const reads = processes.map((process) => `${process}) r.x.`);
  const late = history(...begins, "w(", "r) r.x. r.y.1", ...reads, "w) a.x.1 a.y.1");
  expect(names(checkListAppend(late))).toContain("G-single");
});

test("a session that goes back is found among hundreds that are part of the cycle", () => {
  const writers = Array.from({ length: 400 }, (_, at) => `${at}`);
  const log = history(
    ...writers.map((writer) => `${writer}(`),
    "s(",
    `s) r.x.${writers.join(",")}`,
    "s(",
    "s) r.y.",
    "s(",
    "s) r.x.",
    ...writers.map((writer) => `${writer}) a.x.${writer}`),
  );
  const report = checkListAppend(log, "strong-session-serializable");
  expect(names(report)).toEqual(["G-single-process"]);
  expect(report.verdict.kind).toBe("invalid");
  expect(checkListAppend(log, "serializable").verdict.kind).toBe("valid");
});

test("appends that nobody read, too many to look at, leave a doubt", () => {
  const log = new TransactionLog();
  const count = 1100;
  for (let at = 0; at < 2 * count; at++) log.begin(at);
  for (let at = 0; at < 2 * count; at++) {
    log.complete(at, OK);
    if (at < count) log.readList("x", []);
    else log.append("x", at);
  }
  const { verdict } = checkListAppend(log);
  expect(verdict).toMatchObject({ kind: "unknown", reason: expect.stringContaining("x has too") });
});

test("the same element appended twice leaves all unknown", () => {
  const log = history("1(", "1) a.x.1", "1(", "1) a.x.1");
  expect(checkListAppend(log).verdict.kind).toBe("unknown");
});

test("whatever was run one at a time is valid", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 2, max: 12 }), (seed, sessionCount) => {
      const mix = { seed, sessionCount, transactionCount: 150, writesPerKey: 8, troubleOneIn: 6 };
      expect(checkListAppend(serialTransactions(mix)).verdict).toEqual({ kind: "valid" });
      const registers = serialTransactions({ ...mix, kind: "rw-register" });
      expect(checkRegisters(registers).verdict).toEqual({ kind: "valid" });
    }),
    { numRuns: 60, seed: 6 },
  );
});

/** A few transactions over two lists; what they read is made up, but mostly fits. */
function madeUp(seed: number): TransactionLog {
  const random = new SmallRandom(seed);
  const log = new TransactionLog();
  const orders = [
    [1, 2, 3, 4],
    [5, 6, 7, 8],
  ];
  const unused = [
    [1, 2, 3, 4],
    [5, 6, 7, 8],
  ];
  const open: number[] = [];
  let started = 0;
  while (started < 5 || open.length > 0) {
    if (started < 5 && (open.length === 0 || random.oneIn(2))) {
      log.begin(started);
      open.push(started++);
      continue;
    }
    const [session = 0] = open.splice(random.below(open.length), 1);
    const isKnown = !random.oneIn(10);
    log.complete(session, isKnown ? OK : INFO);
    const count = 1 + random.below(2);
    for (let at = 0; at < count; at++) {
      const key = random.below(2);
      const left = unused[key] ?? [];
      if (random.oneIn(2) && left.length > 0) {
        log.append(key, left.splice(random.below(left.length), 1)[0] ?? 0);
      } else if (!isKnown) log.readUnknown(key);
      else log.readList(key, (orders[key] ?? []).slice(0, random.below(4)));
    }
  }
  return log;
}

test("a slow and obvious checker agrees on thousands of small histories", () => {
  const counts = { valid: 0, serializable: 0, invalid: 0 };
  for (let seed = 0; seed < 6000; seed++) {
    const log = madeUp(seed);
    const isSerializable = hasSerialOrder(log, false);
    const isStrict = hasSerialOrder(log, true);
    counts[isStrict ? "valid" : isSerializable ? "serializable" : "invalid"]++;
    const strict = checkListAppend(log);
    expect(strict.verdict.kind, `seed ${seed}`).toBe(isStrict ? "valid" : "invalid");
    const plain = checkListAppend(log, "serializable");
    expect(plain.verdict.kind, `seed ${seed}`).toBe(isSerializable ? "valid" : "invalid");
    for (const anomaly of strict.anomalies) {
      expect(refuteProof(log, anomaly), `seed ${seed}`).toEqual([]);
    }
  }
  expect(Math.min(counts.valid, counts.serializable, counts.invalid)).toBeGreaterThan(20);
});

/** The same with registers. */
function madeUpRegisters(seed: number, sessionCount = 6): TransactionLog {
  const random = new SmallRandom(seed);
  const log = new TransactionLog();
  const open: number[] = [];
  let [started, value] = [0, 0];
  while (started < 6 || open.length > 0) {
    const next = started % sessionCount;
    if (started < 6 && !open.includes(next) && (open.length === 0 || random.oneIn(2))) {
      log.begin(next);
      open.push(next);
      started++;
      continue;
    }
    const [session = 0] = open.splice(random.below(open.length), 1);
    const isKnown = !random.oneIn(10);
    log.complete(session, isKnown ? OK : INFO);
    for (let at = random.below(2); at < 2; at++) {
      const key = random.below(2);
      if (random.oneIn(2)) log.write(key, ++value);
      else if (!isKnown) log.readUnknown(key);
      else log.readValue(key, random.oneIn(3) ? null : 1 + random.below(value + 1));
    }
  }
  return log;
}

test("what is said of registers is what trying all orders says", () => {
  const counts = { valid: 0, invalid: 0, unknown: 0 };
  for (let seed = 0; seed < 3000; seed++) {
    const log = madeUpRegisters(seed);
    const { verdict, anomalies } = checkRegisters(log);
    counts[verdict.kind]++;
    const order = linearize(operationsOfLog(log), transactionsModel(log), { stepsLeft: 1e6 });
    expect(verdict.kind, `seed ${seed}`).toBe(order.kind);
    for (const anomaly of anomalies) {
      expect(refuteProof(log, anomaly), `seed ${seed}`).toEqual([]);
    }
  }
  expect(Math.min(counts.valid, counts.invalid)).toBeGreaterThan(100);
});

/** An order that keeps that of the sessions, found by trying all of them. */
function hasSessionOrder(log: TransactionLog): boolean {
  const { began, session } = log.timeline;
  const model = transactionsModel(log);
  const operations = operationsOfLog(log);
  const extend = (state: string, left: readonly Operation[]): boolean =>
    left.every(({ returned }) => returned === Infinity) ||
    left.some((one) => {
      const isLate = operations.some(
        (other) =>
          one.returned !== Infinity &&
          !left.includes(other) &&
          session[other.index] === session[one.index] &&
          (began[other.index] as number) > (began[one.index] as number),
      );
      const next = isLate ? undefined : model.step(state, one);
      return (
        next !== undefined &&
        extend(
          next,
          left.filter((other) => other !== one),
        )
      );
    });
  return extend(model.initial, operations);
}

test("what is said of registers in sessions is what trying all orders says", () => {
  const counts = { valid: 0, invalid: 0, unknown: 0 };
  for (let seed = 0; seed < 3000; seed++) {
    const log = madeUpRegisters(seed, 3);
    const { verdict } = checkRegisters(log, "strong-session-serializable");
    counts[verdict.kind]++;
    expect(verdict.kind, `seed ${seed}`).toBe(hasSessionOrder(log) ? "valid" : "invalid");
  }
  expect(Math.min(counts.valid, counts.invalid)).toBeGreaterThan(100);
});

test("a session that sees two writes back and forth is out of order in any time", () => {
  const log = history(
    "1(",
    "1) w.x.1",
    "2(",
    "2) w.x.2",
    "3(",
    "3) v.x.1",
    "3(",
    "3) v.x.2",
    "3(",
    "3) v.x.1",
  );
  expect(names(checkRegisters(log, "strong-session-serializable"))).toContain(
    "not-serializable-process",
  );
  expect(checkRegisters(log, "serializable").verdict.kind).toBe("valid");
  expect(checkRegisters(log, "strong-session-snapshot-isolation").verdict.kind).toBe("unknown");
});

test("half of a transaction over registers of which no order is known is not called a snapshot", () => {
  const fractured = ["1) w.x.1 w.y.1", "2) w.x.2 w.y.2", "3) v.x.1 v.y.2"];
  const log = history(...all, ...fractured, "4) ");
  expect(checkRegisters(log, "snapshot-isolation").verdict.kind).toBe("unknown");
});

test("a proof that is false is refuted", () => {
  const log = history(...(plantedLists["a stale read"]?.lines ?? []));
  const [anomaly] = checkListAppend(log).anomalies;
  const [first, second] = anomaly?.steps ?? [];
  if (first === undefined || second === undefined) throw new Error("the proof has two steps");
  const steps = [
    { ...first, index: second.index },
    { ...second, index: first.index },
  ];
  expect(refuteProof(log, { name: "G-single-realtime", steps })).toHaveLength(2);
  expect(refuteProof(log, { name: "G0", steps: [first, second] })).toHaveLength(1);
});
