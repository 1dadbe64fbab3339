import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { encodeRecorded } from "../base/recorded-events.ts";
import { drawReport } from "./draw-anomaly.ts";
import { toDot, toSvg } from "./drawing.ts";
import { parseEdn } from "./edn.ts";
import { serialRecord } from "./generate-recorded.ts";
import { HistoryReader } from "./history-reader.ts";
import type { HistoryEvent } from "./history-events.ts";
import { SmallRandom } from "./small-random.ts";
import {
  type CheckOptions,
  type CheckReport,
  defaultCheckOptions,
  startCheck,
} from "./workloads.ts";

function check(
  workload: string,
  text: string,
  options: Partial<CheckOptions> = {},
  chunkLength = text.length,
): CheckReport {
  const started = startCheck(workload, { ...defaultCheckOptions, ...options });
  const reader = new HistoryReader(started);
  for (let at = 0; at < text.length; at += chunkLength)
    reader.push(text.slice(at, at + chunkLength));
  reader.finish();
  return started.finish();
}

/** `0 invoke add 1; 0 ok add 1`: values as JSON. */
function events(text: string): string {
  return text
    .split(";")
    .map((part) => {
      const [process, type, f, ...value] = part.trim().split(" ");
      const given = value.join(" ") || "null";
      return `{"process": ${process}, "type": "${type}", "f": "${f}", "value": ${given}}`;
    })
    .join("\n");
}

function transaction(operation: string): string {
  return events(`0 invoke txn []; 0 ok txn [${operation}]`);
}

interface Case {
  readonly workload: string;
  readonly history: string;
  /** The anomaly, or `valid` or `unknown`. */
  readonly expected: string;
  readonly options?: Partial<CheckOptions>;
}

const cases: Record<string, Case> = {
  "a bank that keeps its total": {
    workload: "bank",
    history: '0 invoke read; 0 ok read {"a": 3, "b": 7}; 1 invoke read; 1 ok read {"a": 5, "b": 5}',
    expected: "valid",
  },
  "a bank that loses money": {
    workload: "bank",
    history: '0 invoke read; 0 ok read {"a": 3, "b": 6}',
    expected: "wrong-total",
    options: { total: 10 },
  },
  "an account below zero": {
    workload: "bank",
    history: '0 invoke read; 0 ok read {"a": -1, "b": 11}',
    expected: "negative-balance",
  },
  "an account that may be below zero": {
    workload: "bank",
    history: '0 invoke read; 0 ok read {"a": -1, "b": 11}',
    expected: "valid",
    options: { allowsNegative: true },
  },
  "a bank that nobody read": {
    workload: "bank",
    history: '0 invoke transfer {"from": 1}; 0 ok transfer {"from": 1}',
    expected: "unknown",
  },
  "a set that keeps all": {
    workload: "set",
    history: `0 invoke add 1; 1 invoke add 2; 0 ok add 1; 2 invoke read; 2 ok read [1];
        1 info add 2; 2 invoke read; 2 ok read [1, 2]`,
    expected: "valid",
  },
  "a set that loses an element": {
    workload: "set",
    history: "0 invoke add 1; 0 ok add 1; 2 invoke read; 2 ok read []",
    expected: "lost-element",
  },
  "a set that was read too old": {
    workload: "set",
    history:
      "0 invoke add 1; 0 ok add 1; 2 invoke read; 2 ok read []; 2 invoke read; 2 ok read [1]",
    expected: "G-single-realtime",
  },
  "a set with what failed": {
    workload: "set",
    history: "0 invoke add 1; 0 fail add 1; 2 invoke read; 2 ok read [1]",
    expected: "G1a",
  },
  "a set with what nobody added": {
    workload: "set",
    history: "2 invoke read; 2 ok read [1]",
    expected: "phantom-value",
  },
  "a set with an element twice": {
    workload: "set",
    history: "0 invoke add 1; 0 ok add 1; 2 invoke read; 2 ok read [1, 1]",
    expected: "duplicate-elements",
  },
  "a set that shows the later of two adds alone": {
    workload: "set",
    history: "0 invoke add 1; 2 invoke read; 0 ok add 1; 1 invoke add 2; 1 ok add 2; 2 ok read [2]",
    expected: "G-single-realtime",
  },
  "a set that is read as nil": {
    workload: "set",
    history: "0 invoke add 1; 0 ok add 1; 2 invoke read; 2 ok read null",
    expected: "lost-element",
  },
  "a set that is read as no set": {
    workload: "set",
    history: "0 invoke add 1; 2 invoke read; 2 ok read 1; 2 invoke read; 2 ok read 7",
    expected: "phantom-value",
  },
  "sets of many keys": {
    workload: "set",
    history: `0 invoke add [1, 7]; 0 ok add [1, 7]; 0 invoke add [2, 7]; 0 ok add [2, 7];
        1 invoke read [1, null]; 1 ok read [1, [7]]; 1 invoke read [2, null]; 1 ok read [2, [7]];
        1 invoke read [3, null]; 1 ok read [3, []]`,
    expected: "valid",
    options: { keyed: true },
  },
  "sets of many keys, of which one has what failed": {
    workload: "set",
    history: `0 invoke add [1, 7]; 0 ok add [1, 7]; 0 invoke add [2, 7]; 0 fail add [2, 7];
        1 invoke read [2, null]; 1 ok read [2, [7]]`,
    expected: "G1a",
    options: { keyed: true },
  },
  "a set seen in two orders": {
    workload: "set",
    history:
      "0 invoke add 1; 1 invoke add 2; 2 invoke read; 3 invoke read; 2 ok read [1]; 3 ok read [2]",
    expected: "long-fork",
  },
  "a set that elements leave": {
    workload: "mutable-set",
    history:
      "0 invoke add 1; 0 ok add 1; 0 invoke remove 1; 0 ok remove 1; 2 invoke read; 2 ok read []",
    expected: "valid",
  },
  "a counter": {
    workload: "counter",
    history: "0 invoke add 2; 1 invoke read; 1 ok read 0; 0 ok add 2; 1 invoke read; 1 ok read 2",
    expected: "valid",
  },
  "a counter that forgets": {
    workload: "counter",
    history: "0 invoke add 2; 0 ok add 2; 1 invoke read; 1 ok read 0",
    expected: "impossible-count",
  },
  "a counter that goes back": {
    workload: "counter",
    history: "0 invoke add 1; 1 invoke read; 1 ok read 1; 1 invoke read; 1 ok read 0; 0 ok add 1",
    expected: "not-linearizable",
  },
  "a counter that shows no number": {
    workload: "counter",
    history: '0 invoke add 2; 0 ok add 2; 1 invoke read; 1 ok read "7"',
    expected: "not-linearizable",
  },
  "a list that is read as nil": {
    workload: "list-append",
    history: `0 invoke txn []; 0 ok txn [["append", 1, 1]]; 1 invoke txn [];
        1 ok txn [["r", 1, null]]`,
    expected: "G-single-realtime",
  },
  "registers that hold lists": {
    workload: "rw-register",
    history: `0 invoke txn []; 0 ok txn [["w", 1, [1]]]; 1 invoke txn []; 1 ok txn [["r", 1, [2]]]`,
    expected: "phantom-value",
  },
  "numbers that are the same only in floating point": {
    workload: "register",
    history: `0 invoke write 9007199254740993; 0 ok write 9007199254740993; 0 invoke read;
        0 ok read 9007199254740992`,
    expected: "not-linearizable",
  },
  "a long fork": {
    workload: "long-fork",
    history: `0 invoke txn [["w", 1, 1]]; 1 invoke txn [["w", 2, 1]]; 2 invoke txn [];
        3 invoke txn []; 0 ok txn [["w", 1, 1]]; 1 ok txn [["w", 2, 1]];
        2 ok txn [["r", 1, 1], ["r", 2, null]]; 3 ok txn [["r", 1, null], ["r", 2, 1]]`,
    expected: "long-fork",
  },
  "a queue": {
    workload: "queue",
    history: `0 invoke enqueue 1; 0 ok enqueue 1; 0 invoke enqueue 2; 0 ok enqueue 2;
        1 invoke dequeue; 1 ok dequeue 1`,
    expected: "valid",
  },
  "a queue out of order": {
    workload: "queue",
    history: `0 invoke enqueue 1; 0 ok enqueue 1; 0 invoke enqueue 2; 0 ok enqueue 2;
        1 invoke dequeue; 1 ok dequeue 2`,
    expected: "not-linearizable",
  },
  "a lock held by two": {
    workload: "lock",
    history: "0 invoke acquire; 0 ok acquire; 1 invoke acquire; 1 ok acquire",
    expected: "not-linearizable",
  },
  "registers of many keys": {
    workload: "register",
    history:
      "0 invoke write [1, 5]; 0 ok write [1, 5]; 0 invoke read [2, null]; 0 ok read [2, null]",
    expected: "valid",
    options: { keyed: true },
  },
  "a register that holds something at first": {
    workload: "register",
    history: "0 invoke read; 0 ok read 3",
    expected: "valid",
    options: { initial: 3 },
  },
  "a process that gave up": {
    workload: "register",
    history: "0 invoke write 1; 0 invoke read; 0 ok read 1; 1 invoke read; 1 ok read null",
    expected: "not-linearizable",
  },
};

describe("every workload has its verdict", () => {
  for (const [title, { workload, history, expected, options }] of Object.entries(cases)) {
    test(`${workload}: ${title}`, () => {
      const report = check(workload, events(history), options);
      if (report.verdict === "invalid") expect(Object.keys(report.counts)).toContain(expected);
      else expect(report.verdict).toBe(expected);
      expect(report.anomalies.length > 0).toBe(report.verdict === "invalid");
    });
  }
});

/** A few adds, and reads of what may have been added by then. */
function madeUpSet(seed: number): string {
  const random = new SmallRandom(seed);
  const parts: string[] = [];
  const adding = new Map<number, number>();
  const reading: number[] = [];
  let started = 0;
  while (started < 7 || adding.size + reading.length > 0) {
    const isNew = started < 7 && random.oneIn(2);
    if (isNew && random.oneIn(2)) {
      adding.set(started, started);
      parts.push(`${started} invoke add ${started++}`);
    } else if (isNew) {
      reading.push(started);
      parts.push(`${started++} invoke read`);
    } else if (adding.size > 0 && random.oneIn(2)) {
      const [process = 0] = [...adding.keys()].slice(random.below(adding.size));
      adding.delete(process);
      parts.push(`${process} ${random.oneIn(6) ? "info" : "ok"} add ${process}`);
    } else if (reading.length > 0) {
      const [process = 0] = reading.splice(random.below(reading.length), 1);
      const added = parts.flatMap((part) => /invoke add (\d)/.exec(part)?.[1] ?? []);
      const seen = added.filter(() => !random.oneIn(5));
      parts.push(`${process} ok read [${seen.join(",")}]`);
    }
  }
  return events(parts.join(";"));
}

test("what is said of sets is what trying all orders says", () => {
  const counts = { valid: 0, invalid: 0, unknown: 0 };
  for (let seed = 0; seed < 3000; seed++) {
    const text = madeUpSet(seed);
    const { verdict, counts: found } = check("set", text);
    counts[verdict]++;
    if (verdict === "unknown") continue;
    const told = `seed ${seed}: ${JSON.stringify(found)}\n${text}`;
    expect(verdict, told).toBe(check("mutable-set", text).verdict);
  }
  expect(Math.min(counts.valid, counts.invalid)).toBeGreaterThan(100);
});

const edn = `[{:process 0, :type :invoke, :f :txn, :value [[:append :x 1] [:r 5 nil]], :time 12}
 #jepsen.history.Op{:process 0 :type :ok :f :txn :value ([:append :x 1] [:r 5 []])} ; a remark }
 {:process :nemesis, :type :info, :f :kill, :value {"n1" #{:killed}}}
 #_{:process 9 :type :ok :f :nothing}
 {:process 1, :type :invoke, :f :txn, :value [[:r :x nil]], :error "a \\"quote\\" and }"}
 {:process 1, :type :ok, :f :txn, :value [[:r :x [1]]]}]
`;

describe("formats", () => {
  const lines = events("0 invoke write 1; 0 ok write 1; 1 invoke read; 1 ok read 1");
  const etcdLog = readFileSync(
    new URL("testdata/etcd-registers/etcd_005.log", import.meta.url),
    "utf8",
  );
  const texts: Record<string, readonly [string, string]> = {
    EDN: ["list-append", edn.replace(/ #_.*\n/, "")],
    "JSON lines": ["register", lines],
    "a JSON array": ["register", `[${lines.replaceAll("\n", ",\n")}]`],
    "an etcd log": ["cas-register", etcdLog],
    "an etcd log with ends of lines of another system": [
      "cas-register",
      etcdLog.replaceAll("\n", "\r\n"),
    ],
    "a record": [
      "recorded",
      serialRecord({ seed: 1, transactionCount: 30, keyCount: 4 }).map(encodeRecorded).join("\n"),
    ],
  };
  for (const [name, [workload, text]] of Object.entries(texts)) {
    test(`${name}, whole and in pieces`, () => {
      const whole = check(workload, text);
      expect(whole.verdict).toBe("valid");
      expect(whole.operationCount).toBeGreaterThan(1);
      for (const length of [1, 2, 7, 64]) expect(check(workload, text, {}, length)).toEqual(whole);
    });
  }

  const broken: Record<string, readonly [string, string]> = {
    "": ["register", "there is no entry"],
    "{:process 0": ["register", "it ends within"],
    "{:process 0 :type :ok :f :read}": ["register", "process 0 had called nothing"],
    "{:process 0 :type :done :f :read}": ["register", '"type" is not invoke'],
    "{:process 0 :type :invoke}": ["register", 'it has no "f"'],
    "{:process 0 :type}": ["register", "a key without a value"],
    '{"process" 0}': ["register", "it is not JSON"],
    "{:process 0 :type :invoke :f :dequeue}": ["register", "a register knows read, write"],
    "{:process 0 :type :invoke :f :txn :value 3}": ["list-append", "3 is no transaction"],
    '{"process": 1, "type": "info", "f": "txn", "value": [["w", 1, 1]]}\n': [
      "rw-register",
      "it completed what it never began",
    ],
    [transaction('["w", 1, 1]')]: ["list-append", '["w",1,1] is no transaction of lists'],
    [transaction('["r", 1, 7]')]: ["list-append", '["r",1,7] is no transaction of lists'],
    [transaction('["append", 1, null]')]: ["list-append", "only reads may be of null"],
    [transaction('["append", 1, 2]')]: ["rw-register", "is no transaction of registers"],
    [transaction('["w", 1, null]')]: ["long-fork", "only reads may be of null"],
    '{"operations": [], "id": 1}': ["recorded", '"id" is not a string'],
    '{"process": 1, "type": "ok", "f": "x"}': ["recorded", "name their workload"],
  };
  for (const [text, [workload, reason]] of Object.entries(broken)) {
    test(`what is wrong with ${JSON.stringify(text)} is said`, () => {
      expect(() => check(workload, text)).toThrow(reason);
    });
  }

  test("EDN becomes JSON", () => {
    const text = String.raw`{:a [1 -2.5 1e3 2N 3.5M nil true], "b" #{\newline \x sym/name},
      3 (:k "é\n"), :big 12345678901234567890}`;
    expect(parseEdn(text)).toEqual({
      a: [1, -2.5, 1000, 2, 3.5, null, true],
      b: ["\n", "x", "sym/name"],
      3: ["k", "é\n"],
      big: "12345678901234567890",
    });
    expect(() => parseEdn("[1 2")).toThrow('"]" is missing');
    expect(() => parseEdn("[1)")).toThrow("closes nothing");
    expect(() => parseEdn('"ab')).toThrow("a string has no end");
    expect(() => parseEdn("1 2")).toThrow("something follows");
    expect(() => parseEdn("[".repeat(5000))).toThrow("nested deeper");
  });

  test("events of other processes than numbers", () => {
    const seen: HistoryEvent[] = [];
    const reader = new HistoryReader({ event: (event) => seen.push(event), recorded: () => {} });
    reader.push(edn);
    reader.finish();
    expect(seen.map(({ process }) => process)).toContain("nemesis");
  });
});

test("drawings show every step of every proof", () => {
  const report = check(
    "list-append",
    edn.replace("[:r :x [1]]", "[:r :x []]").replace(/ #_.*\n/, ""),
  );
  expect(report.verdict).toBe("invalid");
  const drawing = drawReport("a file", report);
  expect(toSvg(drawing).match(/<g>/g)).toHaveLength(
    report.anomalies.flatMap(({ steps }) => steps).length,
  );
  expect(toDot(drawing)).toContain("real-time");
});
