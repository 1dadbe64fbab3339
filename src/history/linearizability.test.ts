import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseEdn } from "./edn.ts";
import { readEtcdLine } from "./etcd-log.ts";
import { eventOf } from "./event-reader.ts";
import { checkLinearizable, seenUpTo } from "./linearizability.ts";
import { linearize } from "./linearize.ts";
import type { Model } from "./model.ts";
import {
  casRegisterModel,
  counterModel,
  keyValueModel,
  lockModel,
  queueModel,
  registerModel,
  setModel,
} from "./models.ts";
import type { Operation } from "./operation-history.ts";
import { OperationPairing } from "./operations-of-events.ts";
import { SmallRandom } from "./small-random.ts";

const data = new URL("testdata/", import.meta.url);

function operationsIn(file: string): readonly Operation[] {
  const isEtcd = file.endsWith(".log");
  const pairing = new OperationPairing({ reads: ["read", "get"], keyed: false });
  const lines = readFileSync(new URL(file, data), "utf8").split("\n");
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const event = isEtcd ? readEtcdLine(line, index + 1) : eventOf(parseEdn(line), index + 1);
    if (event !== undefined) pairing.add(event);
  }
  return pairing.finish();
}

describe("recorded runs of etcd have the verdicts that are known of them", () => {
  const good = new Set(["002", "005", "007", "018", "025", "031", "038", "045", "048"]);
  for (const file of readdirSync(new URL("etcd-registers/", data))) {
    const isGood = good.has(/\d+/.exec(file)?.[0] ?? "");
    test(`${file} is ${isGood ? "" : "not "}linearizable`, () => {
      const operations = operationsIn(`etcd-registers/${file}`);
      const report = checkLinearizable(operations, casRegisterModel());
      expect(report.verdict.kind).toBe(isGood ? "valid" : "invalid");
      for (const { operations: few } of report.examples) {
        expect(few.length).toBeLessThanOrEqual(operations.length);
        expect(bruteForce(few, casRegisterModel())).toBe(false);
      }
    });
  }
});

describe("recorded runs of a key-value store have the verdicts that are known of them", () => {
  for (const name of ["c01-ok", "c10-ok", "c01-bad", "c10-bad"]) {
    test(name, () => {
      const report = checkLinearizable(operationsIn(`kv-${name}.txt`), keyValueModel());
      expect(report.verdict.kind).toBe(name.endsWith("ok") ? "valid" : "invalid");
    });
  }
});

/** Tries every order there is, but no set of what is left twice in the same state. */
function bruteForce(
  operations: readonly Operation[],
  model: Model,
  state = model.initial,
  failed = new Set<string>(),
): boolean {
  if (operations.every(({ returned }) => returned === Infinity)) return true;
  const left = `${operations.map(({ index }) => index).join(" ")}|${state}`;
  if (failed.has(left)) return false;
  const firstReturn = Math.min(...operations.map(({ returned }) => returned));
  const succeeds = operations.some((operation) => {
    if (firstReturn < operation.called) return false;
    const next = model.step(state, operation);
    const rest = operations.filter((one) => one !== operation);
    return next !== undefined && bruteForce(rest, model, next, failed);
  });
  if (!succeeds) failed.add(left);
  return succeeds;
}

interface Kind {
  readonly model: Model;
  readonly draw: (random: SmallRandom) => Pick<Operation, "name" | "input" | "output">;
}

const small = (random: SmallRandom): number => random.below(3);

const kinds: Record<string, Kind> = {
  register: {
    model: registerModel(),
    draw: (random) =>
      random.oneIn(2)
        ? { name: "read", input: null, output: random.oneIn(4) ? null : small(random) }
        : { name: "write", input: small(random), output: true },
  },
  "cas register": {
    model: casRegisterModel(0),
    draw: (random) =>
      random.oneIn(3)
        ? { name: "read", input: null, output: small(random) }
        : random.oneIn(3)
          ? { name: "write", input: small(random), output: true }
          : { name: "cas", input: [small(random), small(random)], output: random.oneIn(2) },
  },
  counter: {
    model: counterModel(),
    draw: (random) =>
      random.oneIn(2)
        ? { name: "read", input: null, output: small(random) }
        : { name: "add", input: 1 + random.below(2), output: null },
  },
  set: {
    model: setModel(),
    draw: (random) =>
      random.oneIn(3)
        ? { name: "contains", input: small(random), output: random.oneIn(2) }
        : { name: random.oneIn(3) ? "remove" : "add", input: small(random), output: true },
  },
  queue: {
    model: queueModel(),
    draw: (random) =>
      random.oneIn(2)
        ? { name: "enqueue", input: small(random), output: true }
        : { name: "dequeue", input: null, output: random.oneIn(4) ? null : small(random) },
  },
  lock: {
    model: lockModel(),
    draw: (random) => ({
      name: random.oneIn(2) ? "acquire" : "release",
      input: null,
      output: !random.oneIn(4),
    }),
  },
  kv: {
    model: keyValueModel(),
    draw: (random) =>
      random.oneIn(2)
        ? { name: "get", input: null, output: ["", "a", "ab", "ba"][random.below(4)] ?? "" }
        : {
            name: random.oneIn(4) ? "put" : "append",
            input: random.oneIn(2) ? "a" : "b",
            output: true,
          },
  },
};

/** Operations of three processes, each one after the other; what came back is made up. */
function randomOperations(seed: number, count: number, kind: Kind): readonly Operation[] {
  const random = new SmallRandom(seed);
  const open = new Map<number, Operation>();
  const done: Operation[] = [];
  for (let moment = 0; done.length + open.size < count || open.size > 0; moment++) {
    const process = random.below(3);
    const pending = open.get(process);
    if (pending !== undefined) {
      open.delete(process);
      const unknown = random.oneIn(8);
      done.push(unknown ? { ...pending, output: undefined } : { ...pending, returned: moment });
      continue;
    }
    if (count <= done.length + open.size) continue;
    open.set(process, {
      index: done.length + open.size,
      process: `p${process}`,
      key: "",
      called: moment,
      returned: Infinity,
      ...kind.draw(random),
    });
  }
  return done;
}

describe("the answer is that of trying every order", () => {
  for (const [name, kind] of Object.entries(kinds)) {
    test(name, () => {
      const verdicts = { valid: 0, invalid: 0, unknown: 0 };
      fc.assert(
        fc.property(fc.integer(), fc.integer({ min: 1, max: 7 }), (seed, count) => {
          const operations = randomOperations(seed, count, kind);
          const report = checkLinearizable(operations, kind.model);
          verdicts[report.verdict.kind]++;
          const expected = bruteForce(operations, kind.model) ? "valid" : "invalid";
          expect(report.verdict.kind).toBe(expected);
          for (const { operations: few } of report.examples) {
            expect(bruteForce(few, kind.model)).toBe(false);
          }
        }),
        { numRuns: 400, seed: 3 },
      );
      expect(Math.min(verdicts.valid, verdicts.invalid)).toBeGreaterThan(20);
    });
  }
});

test("an order that is given really explains what came back", () => {
  const { model } = kinds["register"] as Kind;
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const found = linearize(randomOperations(seed, 8, kinds["register"] as Kind), model, {
        stepsLeft: 10_000,
      });
      if (found.kind !== "valid") return;
      let state = model.initial;
      for (const operation of found.order) state = model.step(state, operation) ?? "impossible";
      expect(state).not.toBe("impossible");
      for (const [at, operation] of found.order.entries()) {
        const later = found.order.slice(at + 1);
        expect(later.every(({ returned }) => operation.called < returned)).toBe(true);
      }
    }),
    { numRuns: 300, seed: 4 },
  );
});

test("too many steps make the verdict unknown", () => {
  const operations = operationsIn("kv-c10-ok.txt");
  const report = checkLinearizable(operations, keyValueModel(), { stepsMax: 20 });
  expect(report.verdict).toEqual({
    kind: "unknown",
    reason: expect.stringContaining("more than the 20 steps allowed"),
  });
});

test("the counter-example has only what is needed", () => {
  const call = { key: "", process: "p", index: 0, input: null };
  const operations: readonly Operation[] = [
    { ...call, name: "write", input: 1, output: true, called: 0, returned: 1 },
    { ...call, name: "read", output: 1, called: 2, returned: 3 },
    { ...call, name: "write", input: 7, output: true, called: 4, returned: 5 },
    { ...call, name: "write", input: 2, output: true, called: 6, returned: 7 },
    { ...call, name: "read", output: 1, called: 8, returned: 9 },
    { ...call, name: "read", output: 2, called: 10, returned: 11 },
  ];
  const [example] = checkLinearizable(operations, registerModel()).examples;
  expect(example?.operations.map(({ called }) => called)).toEqual([0, 4, 8]);
  expect(seenUpTo(operations, 3)).toHaveLength(2);
});

test("a long run of many processes is judged in one pass", () => {
  const random = new SmallRandom(5);
  const operations: Operation[] = [];
  for (let index = 0; index < 20_000; index++) {
    const called = index * 10 - random.below(40);
    const times = { called, returned: index * 10 + random.below(40) };
    const base = { index, process: `p${index % 9}`, key: "", ...times };
    const unknown = random.oneIn(100) ? { returned: Infinity, output: undefined } : {};
    operations.push({ ...base, name: "write", input: index, output: true, ...unknown });
  }
  expect(checkLinearizable(operations, registerModel()).verdict.kind).toBe("valid");
});
