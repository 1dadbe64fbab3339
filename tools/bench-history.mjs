/**
 * `npm run bench:history`: time and memory of the checkers against the length of the history, and
 * the time of the register logs in testdata. With `--write` it rewrites docs/history-speed.svg and
 * the table in docs/histories.md. Each size runs in a process of its own, so that memory is its
 * own; `--quick` leaves out the largest.
 */

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureBuild, ensurePackages, requireNode, root } from "./set-up.mjs";

const SIZES = [1_000, 10_000, 100_000, 1_000_000];
const RUNS = 3;
const TARGET_PER_SECOND = 100_000;
const dist = join(root, "dist", "history");

const [mode, argument] = process.argv.slice(2);
if (mode === "--one") print(await measureSize(Number(argument)));
else if (mode === "--logs") print(await measureLogs());
else compareSizes();

function compareSizes() {
  requireNode();
  ensurePackages();
  ensureBuild();
  const sizes = process.argv.includes("--quick") ? SIZES.slice(0, 3) : SIZES;
  const rows = sizes.map((size) => {
    const runs = Array.from({ length: RUNS }, () => inOwnProcess("--one", size));
    return median(runs);
  });
  const logs = inOwnProcess("--logs");
  const table = tableOf(rows, logs);
  process.stdout.write(`${table}\n`);
  if (!process.argv.includes("--write")) return;
  writeFileSync(join(root, "docs", "history-speed.svg"), plotOf(rows));
  const page = join(root, "docs", "histories.md");
  const [above] = readFileSync(page, "utf8").split("<!-- measured -->");
  writeFileSync(page, `${above}<!-- measured -->\n\n${table}\n`);
}

function inOwnProcess(...args) {
  const script = fileURLToPath(import.meta.url);
  const flags = ["--max-old-space-size=4096", "--expose-gc"];
  const { stdout, status } = spawnSync(process.execPath, [...flags, script, ...args.map(String)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`measuring ${args.join(" ")} failed: see above`);
  return JSON.parse(stdout);
}

function print(value) {
  process.stdout.write(JSON.stringify(value));
}

async function measureSize(transactionCount) {
  const { serialTransactions } = await import(join(dist, "generate-transactions.js"));
  const { checkListAppend } = await import(join(dist, "list-append.js"));
  // The first histories make the engine compile what it will run.
  for (let seed = 0; seed < 3; seed++)
    checkListAppend(serialTransactions({ seed, transactionCount: 2_000 }));
  const log = serialTransactions({ seed: 1, transactionCount, troubleOneIn: 100 });
  globalThis.gc();
  const historyBytes = process.memoryUsage().rss;
  const started = performance.now();
  const report = checkListAppend(log);
  const milliseconds = performance.now() - started;
  if (report.verdict.kind !== "valid") throw new Error("a serial history was found to be wrong");
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  return { transactionCount, milliseconds, historyBytes, peakBytes };
}

async function measureLogs() {
  const { casRegisterModel } = await import(join(dist, "models.js"));
  const { checkLinearizable } = await import(join(dist, "linearizability.js"));
  const { OperationPairing } = await import(join(dist, "operations-of-events.js"));
  const { readEtcdLine } = await import(join(dist, "etcd-log.js"));
  const folder = join(root, "src", "history", "testdata", "etcd-registers");
  const verdicts = { valid: 0, invalid: 0, unknown: 0 };
  const started = performance.now();
  for (const file of readdirSync(folder)) {
    const pairing = new OperationPairing({ reads: ["read"], keyed: false });
    const lines = readFileSync(join(folder, file), "utf8").split("\n");
    for (const [index, line] of lines.entries()) {
      const event = readEtcdLine(line, index + 1);
      if (event !== undefined) pairing.add(event);
    }
    verdicts[checkLinearizable(pairing.finish(), casRegisterModel()).verdict.kind]++;
  }
  return { ...verdicts, milliseconds: performance.now() - started };
}

function median(runs) {
  const inOrder = runs.toSorted((left, right) => left.milliseconds - right.milliseconds);
  const times = inOrder.map(({ milliseconds }) => milliseconds);
  return { ...inOrder[Math.floor(runs.length / 2)], least: times[0], most: times.at(-1) };
}

function tableOf(rows, logs) {
  return [
    "| list-append transactions | time (least, most) | a second | memory at its peak " +
      "| of it the history |",
    "| --- | --- | --- | --- | --- |",
    ...rows.map(({ transactionCount, milliseconds, least, most, peakBytes, historyBytes }) => {
      const rate = Math.round(transactionCount / milliseconds) * 1000;
      return (
        `| ${grouped(transactionCount)} | ${ms(milliseconds)} (${ms(least)}, ${ms(most)}) ` +
        `| ${grouped(rate)} | ${mebibytes(peakBytes)} | ${mebibytes(historyBytes)} |`
      );
    }),
    "",
    `The ${logs.valid + logs.invalid + logs.unknown} register logs in ` +
      `\`src/history/testdata\`, each with its counter-example: ${ms(logs.milliseconds)}, ` +
      `${logs.valid} valid, ${logs.invalid} invalid, ${logs.unknown} unknown.`,
    "",
    `Node ${process.versions.node}, medians of ${RUNS}; memory is that of the whole process.`,
  ].join("\n");
}

function ms(value) {
  return value < 100 ? `${value.toFixed(1)} ms` : `${grouped(Math.round(value))} ms`;
}

function grouped(value) {
  return value.toLocaleString("en-US");
}

function mebibytes(bytes) {
  return `${Math.round(bytes / (1 << 20))} MiB`;
}

/** Time against length, both logarithmic, beside the line of the target. */
function plotOf(rows) {
  const [width, height, margin] = [640, 400, 80];
  const decades = { x: [3, 6], y: [0, 5] };
  const x = (count) =>
    margin +
    ((Math.log10(count) - decades.x[0]) / (decades.x[1] - decades.x[0])) * (width - 2 * margin);
  const y = (milliseconds) => {
    const share = (Math.log10(milliseconds) - decades.y[0]) / (decades.y[1] - decades.y[0]);
    return height - margin - share * (height - 2 * margin);
  };
  const measured = rows.map(({ transactionCount, milliseconds }) => [
    x(transactionCount),
    y(milliseconds),
  ]);
  const target = SIZES.map((count) => [x(count), y((count / TARGET_PER_SECOND) * 1000)]);
  const ticksX = SIZES.map(
    (count) =>
      `<text x="${x(count)}" y="${height - margin + 20}" text-anchor="middle">` +
      `${grouped(count)}</text>`,
  );
  const ticksY = [1, 10, 100, 1_000, 10_000, 100_000].map(
    (value) =>
      `<path d="M${margin},${y(value)}H${width - margin}" stroke="#ddd"/>` +
      `<text x="${margin - 8}" y="${y(value) + 4}" text-anchor="end">${grouped(value)}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
      'font-family="sans-serif" font-size="12">',
    "<title>Time to check list-append histories against their length</title>",
    '<rect width="100%" height="100%" fill="white"/>',
    ...ticksX,
    ...ticksY,
    `<text x="${width / 2}" y="${height - 12}" text-anchor="middle">transactions</text>`,
    `<text x="16" y="${height / 2}" text-anchor="middle" ` +
      `transform="rotate(-90 16 ${height / 2})">milliseconds</text>`,
    `<path d="${pathOf(target)}" fill="none" stroke="#999" stroke-dasharray="4 4"/>`,
    `<text x="${x(12_000)}" y="${y(900)}" fill="#777">100,000 a second</text>`,
    `<path d="${pathOf(measured)}" fill="none" stroke="#05c" stroke-width="2"/>`,
    ...measured.map(
      ([px, py]) => `<circle cx="${px.toFixed(1)}" cy="${py.toFixed(1)}" r="4" fill="#05c"/>`,
    ),
    "</svg>",
    "",
  ].join("\n");
}

function pathOf(points) {
  const words = points.map(
    ([x, y], at) => `${at === 0 ? "M" : "L"}${x.toFixed(1)},${y.toFixed(1)}`,
  );
  return words.join("");
}
