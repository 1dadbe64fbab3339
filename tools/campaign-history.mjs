/**
 * `npm run campaign:history -- [COUNT] [SEED]`: holds the checkers against brute force on far more
 * histories and schedules than the tests do. Bounded by their number, never by time; each failure
 * names its seed and ends the campaign with 1.
 */

import { join } from "node:path";
import { ensureBuild, ensurePackages, requireNode, root } from "./set-up.mjs";

requireNode();
ensurePackages();
ensureBuild();

const COUNT = Number(process.argv[2] ?? 200_000);
const SEED = Number(process.argv[3] ?? 1);
const load = (name) => import(join(root, "dist", "history", `${name}.js`));

const { bruteForceSchedule } = await load("brute-force-schedules");
const { conflictGraph, serialOrders, shortestCycle } = await load("conflicts");
const { everySchedule, randomSchedule } = await load("generate-schedules");
const { serialTransactions } = await load("generate-transactions");
const { serialRecord } = await load("generate-recorded");
const { checkListAppend } = await load("list-append");
const { checkRecorded } = await load("recorded-check");
const { checkRegisters } = await load("rw-register");
const { formatSchedule } = await load("schedule");
const { finalStateSerialOrder, viewSerialOrder } = await load("serial-search");
const { producibleByTwoPhase } = await load("two-phase");

let failures = 0;

campaign("every schedule of three transactions with up to two operations each", everySchedules());
campaign(`${COUNT} random schedules`, randomSchedules());
campaign("serial list-append histories are valid", serialLists());
campaign("serial register histories are valid", serialRegisters());
campaign("serial records are valid", serialRecords());
process.exitCode = failures === 0 ? 0 : 1;

function campaign(title, outcomes) {
  let count = 0;
  let wrong = 0;
  for (const complaint of outcomes) {
    count++;
    if (complaint === undefined) continue;
    wrong++;
    if (wrong <= 5) process.stdout.write(`  ${complaint}\n`);
  }
  failures += wrong;
  process.stdout.write(`${title}: ${count} tried, ${wrong} wrong\n`);
}

function* everySchedules() {
  for (const schedule of everySchedule([2, 2, 2], ["x", "y"])) yield disagreement(schedule);
}

function* randomSchedules() {
  for (let at = 0; at < COUNT; at++) {
    const seed = SEED + at;
    const size = { transactions: 2 + (at % 3), operations: 5 + (at % 8), items: 2 + (at % 3) };
    const complaint = disagreement(randomSchedule({ seed, ...size, ends: false }));
    yield complaint === undefined ? undefined : `seed ${seed}: ${complaint}`;
  }
}

function disagreement(schedule) {
  const expected = bruteForceSchedule(schedule);
  const graph = conflictGraph(schedule);
  const isSerializable = shortestCycle(graph) === undefined;
  const text = formatSchedule(schedule);
  if (isSerializable !== expected.conflictOrders.length > 0)
    return `${text}: conflict-serializable?`;
  const orders = isSerializable ? serialOrders(graph, 1_000).map((order) => order.join(" ")) : [];
  if (orders.toSorted().join() !== expected.conflictOrders.toSorted().join())
    return `${text}: serial orders?`;
  if ((viewSerialOrder(schedule).kind === "yes") !== expected.isViewSerializable)
    return `${text}: view?`;
  if ((finalStateSerialOrder(schedule).kind === "yes") !== expected.isFinalStateSerializable) {
    return `${text}: final state?`;
  }
  if (producibleByTwoPhase(schedule, "plain").possible && !isSerializable)
    return `${text}: two-phase?`;
  return undefined;
}

function* serialLists() {
  for (let at = 0; at < COUNT / 100; at++) {
    const mix = {
      seed: SEED + at,
      sessionCount: 2 + (at % 12),
      transactionCount: 300,
      troubleOneIn: 5,
    };
    const { verdict } = checkListAppend(
      serialTransactions({ ...mix, writesPerKey: 4 + (at % 30) }),
    );
    yield verdict.kind === "valid" ? undefined : `seed ${mix.seed}: ${verdict.kind}`;
  }
}

function* serialRegisters() {
  for (let at = 0; at < COUNT / 200; at++) {
    const mix = {
      seed: SEED + at,
      sessionCount: 2 + (at % 8),
      transactionCount: 150,
      troubleOneIn: 8,
    };
    const { verdict } = checkRegisters(serialTransactions({ ...mix, kind: "rw-register" }));
    yield verdict.kind === "valid" ? undefined : `seed ${mix.seed}: ${verdict.kind}`;
  }
}

function* serialRecords() {
  for (let at = 0; at < COUNT / 200; at++) {
    const seed = SEED + at;
    const verdict = checkRecorded(
      serialRecord({ seed, transactionCount: 120, keyCount: 2 + (at % 9) }),
    );
    yield verdict.kind === "valid" ? undefined : `seed ${seed}: ${verdict.kind}`;
  }
}
