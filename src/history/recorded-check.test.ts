import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeRecorded,
  encodeRecorded,
  type RecordedOperation,
  type RecordedTransaction,
} from "../base/recorded-events.ts";
import { checkRecorded, reportOnRecorded } from "./recorded-check.ts";
import { refuteRecordedProof } from "./replay-recorded.ts";
import { serialRecord } from "./generate-recorded.ts";
import { explain } from "./verdict.ts";

/** `T1 s1 1-2 @5 r(x,3) w(x)`: id (`?` info, `!` fail), session, moments, position, operations. */
function recorded(...lines: readonly string[]): readonly RecordedTransaction[] {
  return lines.map((line) => {
    const [name = "", session = "", moments = "", ...rest] = line.split(" ");
    const [began, ended] = moments.split("-");
    const position = rest.find((word) => word.startsWith("@"));
    const status = name.endsWith("?") ? "info" : name.endsWith("!") ? "fail" : "ok";
    return {
      id: name.replace(/[?!]$/, ""),
      session,
      began: Number(began),
      ended: ended === "" ? undefined : Number(ended),
      status,
      lsn: position === undefined ? undefined : Number(position.slice(1)),
      operations: rest.filter((word) => !word.startsWith("@")).map(operation),
    };
  });
}

function operation(word: string): RecordedOperation {
  const [, kind, inside = ""] = /^(\w+)\((.*)\)$/.exec(word) ?? [];
  const [key = "", second, third] = inside.split(",");
  switch (kind ?? "") {
    case "r":
      return {
        kind: "read",
        key,
        version: second === "-" ? undefined : Number(second),
        value: third,
      };
    case "w":
      return { kind: "write", key, value: second };
    case "d":
      return { kind: "remove", key };
    case "dr":
      return { kind: "remove-range", start: key, end: second };
    default: {
      const found = (third ?? "").split("+").filter((entry) => entry !== "");
      return {
        kind: "scan",
        start: key,
        end: second,
        found: found.map((entry) => {
          const [name = "", version] = entry.split(":");
          return { key: name, version: Number(version) };
        }),
      };
    }
  }
}

const wrong: Record<string, { readonly name: string; readonly record: readonly string[] }> = {
  "a stale read": {
    name: "G-single-realtime",
    record: ["T1 a 1-2 @1 w(x)", "T2 a 3-4 @2 w(x)", "T3 b 5-6 r(x,1)"],
  },
  "an acknowledged write that is gone": {
    name: "G-single-realtime",
    record: ["T1 a 1-2 @1 w(x)", "T2 b 3-4 r(x,-)"],
  },
  "a session that does not see its own write": {
    name: "G-single-process",
    record: ["T1 a 1-2 @1 w(x)", "T2 a 2-4 r(x,-)"],
  },
  "write skew": {
    name: "G2-item",
    record: ["T1 a 1-9 @1 r(x,-) w(y)", "T2 b 1-9 @2 r(y,-) w(x)"],
  },
  "a phantom": {
    name: "G2",
    record: ["T1 a 1-9 @1 s(a,z,) w(m)", "T2 b 1-9 @2 s(a,z,) w(n)"],
  },
  "a lost update": {
    name: "lost-update",
    record: ["T0 a 1-2 @1 w(x)", "T1 a 3-9 @2 r(x,1) w(x)", "T2 b 3-9 @3 r(x,1) w(x)"],
  },
  "half a transaction": {
    name: "G-single",
    record: ["T1 a 1-9 @1 w(x) w(y)", "T2 b 1-9 r(x,1) r(y,-)"],
  },
  "transactions that read each other": {
    name: "G1c",
    record: ["T1 a 1-9 @1 w(x) r(y,2)", "T2 b 1-9 @2 w(y) r(x,1)"],
  },
  "writes in two orders": {
    name: "G0-realtime",
    record: ["T1 a 1-2 @2 w(x)", "T2 b 3-4 @1 w(x)"],
  },
  "an aborted write that was read": {
    name: "G1a",
    record: ["T1! a 1-2 w(x,v)", "T2 b 3-4 r(x,7,v)"],
  },
  "a version that nobody wrote": { name: "phantom-value", record: ["T2 b 3-4 r(x,7)"] },
  "another value than was written": {
    name: "wrong-value",
    record: ["T1 a 1-2 @1 w(x,v)", "T2 b 3-4 r(x,1,u)"],
  },
  "one position for two": {
    name: "duplicate-version",
    record: ["T1 a 1-2 @1 w(x)", "T2 b 3-4 @1 w(y)"],
  },
  "its own write unseen": { name: "internal", record: ["T1 a 1-2 @1 w(x) r(x,-)"] },
  "its own removal undone": { name: "internal", record: ["T1 a 1-2 @1 w(x) d(x) r(x,0)"] },
  "its own write seen too early": { name: "internal", record: ["T1 a 1-2 @1 r(x,1) w(x)"] },
  "its own write with another value": {
    name: "internal",
    record: ["T1 a 1-2 @1 w(x,v) r(x,0,u)"],
  },
  "the version before its own": {
    name: "internal",
    record: ["T1 a 1-2 @1 w(x)", "T2 a 3-4 @2 w(x) r(x,1)"],
  },
  "a value in a version that removed it": {
    name: "wrong-value",
    record: ["T1 a 1-2 @1 d(x)", "T2 b 3-4 r(x,1,v)"],
  },
  "a long fork": {
    name: "G-nonadjacent",
    record: [
      "T1 a 1-9 @1 w(x)",
      "T2 b 1-9 @2 w(y)",
      "T3 c 1-9 r(x,1) r(y,-)",
      "T4 d 1-9 r(x,-) r(y,2)",
    ],
  },
  "a removed range that came back": {
    name: "G-single-realtime",
    record: ["T1 a 1-2 @1 w(m)", "T2 a 3-4 @2 dr(a,z)", "T3 b 5-6 r(m,1)"],
  },
  "an info that was seen, then not": {
    name: "G-single-realtime",
    record: ["T1? a 1- w(x)", "T2 b 3-4 r(x,1)", "T3 c 5-6 r(x,-)"],
  },
};

describe("what is wrong is found and named", () => {
  for (const [title, { name, record }] of Object.entries(wrong)) {
    test(title, () => {
      const verdict = checkRecorded(recorded(...record));
      for (const anomaly of verdict.kind === "invalid" ? verdict.anomalies : []) {
        expect(refuteRecordedProof(recorded(...record), anomaly)).toEqual([]);
      }
      expect(verdict.kind === "invalid" ? verdict.anomalies.map((one) => one.name) : []).toContain(
        name,
      );
    });
  }
});

const right: Record<string, readonly string[]> = {
  "an info that nobody saw": ["T1? a 1- @1 w(x)", "T2 b 3-4 r(x,-)"],
  "an info that was seen late": ["T1? a 1- w(x)", "T2 b 3-4 r(x,-)", "T3 b 5-6 r(x,1)"],
  "concurrent reads on both sides of a write": [
    "T1 a 1-9 @1 w(x)",
    "T2 b 2-3 r(x,-)",
    "T3 b 4-5 r(x,1)",
  ],
  "absent, present and absent again": [
    "T1 a 1-2 @1 w(x)",
    "T2 b 3-4 r(x,1)",
    "T3 a 5-6 @2 d(x)",
    "T4 b 7-8 s(a,z,)",
  ],
  "its own writes seen": ["T1 a 1-2 @1 w(x,v) r(x,0,v) d(x) r(x,-) w(y) s(x,z,y:0)"],
  "a failed transaction's reads": ["T1! a 1-2 r(x,99) w(x)", "T2 b 3-4 r(x,-)"],
};

describe("what is right is let pass", () => {
  for (const [title, record] of Object.entries(right)) {
    test(title, () => {
      expect(checkRecorded(recorded(...record))).toEqual({ kind: "valid" });
    });
  }
});

test("levels: write skew is what snapshot isolation allows", () => {
  const skew = wrong["write skew"]?.record ?? [];
  const report = reportOnRecorded(recorded(...skew), { isolation: "snapshot-isolation" });
  expect(report.verdict.kind).toBe("valid");
  expect(report.levels).toEqual(["strong-snapshot-isolation"]);
});

test("a proof can be read", () => {
  const verdict = checkRecorded(recorded(...(wrong["a stale read"]?.record ?? [])));
  expect(verdict.kind === "invalid" && verdict.anomalies.map(explain).join("\n")).toBe(
    [
      "G-single-realtime (stale read):",
      "  1. T3 [read x@1], because T3 read version 1 of x, not the version 2 that T2 wrote",
      "  2. T2 [write x] committed at 2, because T2 had ended when T3 began",
      "  ... which closes the cycle: contradiction.",
    ].join("\n"),
  );
});

test("an acknowledged write without a position leaves the verdict unknown", () => {
  expect(checkRecorded(recorded("T1 a 1-2 w(x)")).kind).toBe("unknown");
});

test("a sample may read what was not recorded", () => {
  const record = recorded("T1 a 1-2 r(x,7)", "T2 a 3-4 @9 r(x,7) w(x)", "T3 b 5-6 r(x,9)");
  expect(checkRecorded(record).kind).toBe("invalid");
  expect(checkRecorded(record, { everyWriter: false }).kind).toBe("valid");
  expect(checkRecorded(record, { initialLsn: 7 }).kind).toBe("valid");
});

test("whatever was run one at a time is valid, and lines read back", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const record = serialRecord({ seed, transactionCount: 60, keyCount: 6 });
      expect(checkRecorded(record)).toEqual({ kind: "valid" });
      expect(record.map((one) => decodeRecorded(encodeRecorded(one)))).toEqual(record);
    }),
    { numRuns: 100, seed: 1 },
  );
});

test("a version read too old is caught wherever it stands", () => {
  fc.assert(
    fc.property(fc.integer(), fc.nat(), (seed, pick) => {
      const record = serialRecord({ seed, transactionCount: 40, keyCount: 3 });
      const planted = withOlderRead(record, pick);
      if (planted === undefined) return;
      const verdict = checkRecorded(planted);
      expect(verdict.kind).toBe("invalid");
      for (const anomaly of verdict.kind === "invalid" ? verdict.anomalies : []) {
        expect(refuteRecordedProof(planted, anomaly)).toEqual([]);
      }
    }),
    { numRuns: 200, seed: 2 },
  );
});

/** Lets one read see a version that was overwritten before its transaction began. */
function withOlderRead(
  record: readonly RecordedTransaction[],
  pick: number,
): readonly RecordedTransaction[] | undefined {
  const choices = record.flatMap((reader, at) =>
    reader.status !== "ok"
      ? []
      : reader.operations.flatMap((read, index) => {
          if (read.kind !== "read" || read.version === undefined || read.version === 0) return [];
          const { key, version } = read;
          const writers = record.filter(
            (writer) =>
              writer.status === "ok" &&
              (writer.lsn ?? Infinity) < version &&
              writer.operations.some((one) => one.kind === "write" && one.key === key),
          );
          return writers.map((writer) => ({ at, index, key, version: writer.lsn }));
        }),
  );
  const chosen = choices[pick % Math.max(1, choices.length)];
  if (chosen === undefined) return undefined;
  const overwriter = record.find(
    (writer) =>
      writer.status === "ok" &&
      (chosen.version ?? 0) < (writer.lsn ?? 0) &&
      (writer.ended ?? Infinity) < (record[chosen.at]?.began ?? 0) &&
      writer.operations.some(
        (one) =>
          one.kind !== "read" && one.kind !== "scan" && "key" in one && one.key === chosen.key,
      ),
  );
  if (overwriter === undefined) return undefined;
  return record.map((one, at) =>
    at !== chosen.at
      ? one
      : {
          ...one,
          operations: one.operations.map((read, index) =>
            index === chosen.index && read.kind === "read"
              ? { kind: "read" as const, key: read.key, version: chosen.version }
              : read,
          ),
        },
  );
}
