/** `npm run bench`: measures what was asked for and prints, or writes, the report. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeRun } from "./describe-run.ts";
import { measureLibrary } from "./library/library-part.ts";
import type { BenchOptions } from "./options.ts";
import { measureRedisDoor } from "./redis/redis-part.ts";
import { renderMarkdown, type Section } from "./report.ts";
import { measureShadow } from "./store/shadow-part.ts";
import { measureStore } from "./store/store-part.ts";

const HELP = `Measures Holdfast beside redis-server and embedded stores, side by side.

  npm run bench                      everything, about 40 minutes
  npm run bench -- --quick           less of everything, about 3 minutes
  npm run bench -- --part redis      one part: redis, library, store or shadow
  npm run bench -- --large           also open a store of ten million keys
  npm run bench -- --rounds 5        measure everything five times; the median counts
  npm run bench -- --write           also write docs/benchmarks.md
  npm run bench -- --directory DIR   keep the data under DIR, not under ${tmpdir()}
`;

const parts: Readonly<Record<string, (options: BenchOptions) => Promise<Section>>> = {
  redis: measureRedisDoor,
  library: measureLibrary,
  store: measureStore,
  shadow: measureShadow,
};

const QUICK_SCALE = 0.1;
const MARK = "<!-- measured -->";

const { values } = parseArgs({
  options: {
    help: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    large: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    part: { type: "string", multiple: true, default: Object.keys(parts) },
    rounds: { type: "string", default: "3" },
    directory: { type: "string", default: tmpdir() },
  },
});

if (values.help) console.log(HELP);
else await main();

async function main(): Promise<void> {
  const directory = mkdtempSync(join(values.directory, "holdfast-bench-"));
  const options: BenchOptions = {
    directory,
    rounds: Number(values.rounds),
    scale: values.quick ? QUICK_SCALE : 1,
    large: values.large,
    say: (text) => console.error(text),
  };
  try {
    const sections: Section[] = [];
    for (const part of values.part) {
      const measure = parts[part];
      if (measure === undefined) throw new Error(`there is no part "${part}"; see --help`);
      sections.push(await measure(options));
    }
    const report = `${describeRun(options)}\n\n${renderMarkdown(sections)}`;
    console.log(report);
    if (values.write) writeReport(report);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The page's own text stays; what was measured is replaced. */
function writeReport(report: string): void {
  const path = fileURLToPath(new URL("../docs/benchmarks.md", import.meta.url));
  const [text = ""] = readFileSync(path, "utf8").split(MARK);
  writeFileSync(path, `${text}${MARK}\n\n${report}`);
}
