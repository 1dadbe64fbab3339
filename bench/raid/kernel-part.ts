/**
 * The parity kernels beside memcpy of the same bytes, in one process, taking turns. Rates are of
 * the data that parity is computed of, by the processor time that it took.
 */

import { measureInProcess } from "../in-process.ts";
import type { BenchOptions } from "../options.ts";
import { OURS, Samples, type Section, type Work } from "../report.ts";
import { kernelWorks } from "./kernel-works.ts";

const SCRIPT = new URL("measure-kernels.ts", import.meta.url);
const SECONDS = 0.3;
export const MEMCPY = "memcpy";
export const PLAIN_CODE = "plain JavaScript";

export async function measureKernels({ rounds, scale, say }: BenchOptions): Promise<Section> {
  const samples = new Samples();
  for (let round = 0; round < rounds; round++) {
    say(`kernels: round ${round + 1} of ${rounds}`);
    const seconds = String(SECONDS * Math.max(scale, 0.2));
    const figures = await measureInProcess(SCRIPT, [seconds]);
    for (const [name, value] of Object.entries(figures)) {
      const [work = "", column = ""] = name.split(" by ");
      samples.add(work, column, value);
    }
  }
  return {
    title: "Parity, beside memcpy",
    notes: [
      "Three blocks of data, as of RAID 5 over four members. Out of cache: rows that lie over " +
        "48 MiB, one after the other; in cache: the same row again and again. Kernels work on " +
        "blocks in their memory. Memcpy copies the data to other blocks there, so it writes more.",
    ],
    rows: kernelWorks.map((work) => samples.row(reportWork(work), [MEMCPY, PLAIN_CODE, OURS])),
  };
}

function reportWork({ name, isP }: (typeof kernelWorks)[number]): Work {
  const targets = isP ? { bar: 0.8, aim: 1.2 } : { bar: undefined, aim: undefined };
  return { name, unit: "MB/s", against: MEMCPY, ...targets };
}
