/** `npm run bench:raid`: measures the arrays and prints, or writes, the report. */

import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import type { BenchOptions } from "./options.ts";
import { measureArrays } from "./raid/array-part.ts";
import { measureCommits } from "./raid/commit-part.ts";
import { measureKernels } from "./raid/kernel-part.ts";
import type { Section } from "./report.ts";
import { runBench } from "./run-bench.ts";

const HELP = `Measures arrays beside a plain volume on the same disk, and parity beside memcpy.

  npm run bench:raid                      everything, about 20 minutes
  npm run bench:raid -- --quick           less of everything, about 3 minutes
  npm run bench:raid -- --part kernels    one part: kernels, arrays or commits
  npm run bench:raid -- --level 5         arrays of one level alone: 0, 1, 4, 5 or 6
  npm run bench:raid -- --rounds 5        measure everything five times; the median counts
  npm run bench:raid -- --write           also write docs/raid-benchmarks.md
  npm run bench:raid -- --directory DIR   keep the data under DIR, not under ${tmpdir()}
`;

const LEVELS = ["0", "1", "4", "5", "6"];
const PARTS = ["kernels", "arrays", "commits"];
const { values } = parseArgs({
  options: {
    help: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    part: { type: "string", multiple: true, default: PARTS },
    level: { type: "string", multiple: true, default: LEVELS },
    rounds: { type: "string", default: "3" },
    directory: { type: "string", default: tmpdir() },
  },
});

if (values.help) console.log(HELP);
else
  await runBench({
    ...values,
    large: false,
    parts: values.part,
    page: "raid-benchmarks.md",
    measure,
  });

async function measure(part: string, options: BenchOptions): Promise<readonly Section[]> {
  const levels = values.level.map(Number);
  switch (part) {
    case "kernels":
      return [await measureKernels(options)];
    case "arrays":
      return await measureArrays(options, levels);
    case "commits":
      return [await measureCommits(options, levels)];
    default:
      throw new Error(`there is no part "${part}"; see --help`);
  }
}
