/** `npm run bench`: measures what was asked for and prints, or writes, the report. */

import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { measureLibrary } from "./library/library-part.ts";
import type { BenchOptions } from "./options.ts";
import { measureRedisDoor } from "./redis/redis-part.ts";
import type { Section } from "./report.ts";
import { runBench } from "./run-bench.ts";
import { measureShadow } from "./store/shadow-part.ts";
import { measureStore } from "./store/store-part.ts";

const HELP = `Measures Holdfast beside redis-server and embedded stores, side by side.

  npm run bench                      everything, about a quarter of an hour
  npm run bench -- --quick           less of everything, about 6 minutes
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
else await runBench({ ...values, parts: values.part, page: "benchmarks.md", measure });

async function measure(part: string, options: BenchOptions): Promise<readonly Section[]> {
  const measurePart = parts[part];
  if (measurePart === undefined) throw new Error(`there is no part "${part}"; see --help`);
  return [await measurePart(options)];
}
