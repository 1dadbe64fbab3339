import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { LayoutReport } from "../reliability/comparison.ts";
import { UsageError } from "./command-io.ts";
import { hear } from "./heard-io.suite.ts";
import { addReliabilityCommand } from "./reliability.ts";

interface Printed {
  readonly member: { readonly mttfHours: number; readonly availability: number };
  readonly layouts: readonly LayoutReport[];
}

interface Ran {
  readonly value: Printed;
  readonly text: string;
  readonly notes: readonly string[];
}

async function run(line: string): Promise<Ran> {
  const words = ["reliability", ...line.split(" ")];
  const { values, text, notes } = await hear(words, addReliabilityCommand);
  return { value: values[0] as Printed, text, notes };
}

const folder = mkdtempSync(join(tmpdir(), "holdfast-reliability-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const disk = "--mttf 1.2e6h --mttr 24h";

describe("reliability", () => {
  test("compares what fits, for a person and as JSON", async () => {
    const { value, text, notes } = await run(`${disk} --disks 8`);
    expect(value.layouts.map(({ name }) => name)).toContain("RAID 60");
    expect(value.member.availability).toBeCloseTo(1.2e6 / 1_200_024, 14);
    const raid5 = value.layouts.find(({ name }) => name === "RAID 5");
    const [lambda, mu] = [1 / 1.2e6, 1 / 24];
    expect(raid5?.mttdlHours).toBeCloseTo((15 * lambda + mu) / (56 * lambda ** 2), 0);
    expect(text).toMatch(/^RAID 5 {2,}8 {2,}1 {2,}87\.5 % {2,}122,346 years {2,}4\.08e-5/mu);
    expect(text).toContain("nines of 5 years without loss:");
    expect(notes).toEqual([]);
  });

  test("takes the user's own numbers, each of which matters", async () => {
    const loss = async (flags: string): Promise<number> => {
      const { value } = await run(`${disk} --level 5 ${flags}`);
      return value.layouts[0]?.lossProbability ?? Number.NaN;
    };
    const plain = await loss("--disks 8");
    const worse = [
      "--disks 9",
      "--mission 6y",
      "--disk-size 8TB --ure 1e-15",
      "--latent-mttf 60y --scrub 14d",
      "--common-cause 1%",
      "--replace 3d",
    ];
    for (const flags of worse) expect(await loss(flags), flags).toBeGreaterThan(1.05 * plain);
    const waiting = await loss("--replace 3d");
    expect(await loss("--replace 3d --spares 1")).toBeLessThan(waiting / 2);
    const serial = (await run(`${disk} --level 6 --repair serial`)).value.layouts[0];
    const parallel = (await run(`${disk} --level 6`)).value.layouts[0];
    expect((parallel?.mttdlHours ?? 0) / (serial?.mttdlHours ?? 1)).toBeCloseTo(2, 2);
  });

  test("says what the page says of the worked example", async () => {
    const page = readFileSync(new URL("../../docs/reliability.md", import.meta.url), "utf8");
    const flags = "--disks 8 --disk-size 8TB --ure 1e-15 --latent-mttf 60y --scrub 14d";
    const { text } = await run(`${disk} ${flags} --level 5,10,6`);
    const rows = text.split("\n").filter((line) => line.startsWith("RAID "));
    for (const row of rows) {
      const [name, , , usable, mttdl, loss, alone] = row.split(/ {2,}/u);
      expect(page).toContain(`| ${name} | ${usable} | ${mttdl} | ${loss} | ${alone} |`);
    }
    expect(rows).toHaveLength(3);
  });

  test("simulates if asked, with an interval about the exact figure", async () => {
    const { value, text } = await run(`${disk} --level 5,6 --simulate 4000 --confidence 99.9%`);
    for (const { simulated, lossProbability, mttdlHours } of value.layouts) {
      expect(simulated?.mttdlHours.low).toBeLessThan(mttdlHours);
      expect(simulated?.mttdlHours.high).toBeGreaterThan(mttdlHours);
      expect(simulated?.lossProbability.low).toBeLessThan(lossProbability);
      expect(simulated?.lossProbability.high).toBeGreaterThan(lossProbability);
    }
    expect(text).toContain("by simulation (4000 paths, seed 1, 99.9 % intervals)");
  });

  test("writes a plot", async () => {
    const file = join(folder, "loss.svg");
    const { notes } = await run(`${disk} --plot ${file}`);
    expect(readFileSync(file, "utf8")).toMatch(/^<svg [\s\S]*RAID 6[\s\S]*<\/svg>\n$/u);
    expect(notes).toEqual([`the plot is in ${file}`]);
  });

  test("goes by what was measured, and says how sure that is", async () => {
    const file = join(folder, "counters.json");
    writeFileSync(file, '{"diskHours": 1000000, "failures": 2, "repairHours": [8, 12]}');
    const { value, text } = await run(`--measured ${file} --level 5`);
    expect(value.member.mttfHours).toBe(500_000);
    const [row] = value.layouts;
    expect(row?.lossBounds?.low).toBeLessThan((row?.lossProbability ?? 0) / 10);
    expect(row?.lossBounds?.high).toBeGreaterThan(10 * (row?.lossProbability ?? 0));
    expect(text).toContain("measured MTTR: 10 h, 95 % interval");
  });

  test("goes by what was measured where nothing has failed yet", async () => {
    const file = join(folder, "none.json");
    writeFileSync(file, '{"diskHours": 100000, "failures": 0}');
    const { value, text } = await run(`--measured ${file} --mttr 24h --level 5`);
    expect(value.member.mttfHours).toBeCloseTo(100_000 / Math.LN2, 6);
    expect(value.layouts[0]?.lossBounds?.low).toBe(0);
    expect(text).toContain("this is a guess");
    await expect(run(`--measured ${file}`)).rejects.toThrow("--mttr 24h");
  });

  test("says what changes nothing", async () => {
    expect((await run(`${disk} --scrub 14d`)).notes[0]).toContain("--latent-mttf");
    expect((await run(`${disk} --spares 1`)).notes[0]).toContain("--replace");
  });

  test.each([
    ["--mttr 24h", "--mttf 1.2e6h"],
    ["--mttf 1e6h", "--mttr 24h"],
    ["--mttf 1000000 --mttr 24h", "the units are s, min, h, d, w, y"],
    [`${disk} --level 7`, 'no layout "7"'],
    [`${disk} --level 10 --disks 7`, "divide"],
    [`${disk} --disks 0`, "--disks"],
    [`${disk} --ure 1e-15`, "--disk-size"],
    [`${disk} --ure 2 --disk-size 1TB`, "share"],
    [`${disk} --latent-mttf 1y`, "--scrub"],
    [`${disk} --spares 99 --replace 1d`, "spareCount"],
    [`${disk} --simulate 1`, "--simulate"],
    [`${disk} --seed 3`, "--simulate"],
    [`${disk} --plot loss.png`, "SVG"],
    [`${disk} --plot ${join(folder, "nowhere", "loss.svg")}`, "cannot write the plot: ENOENT"],
    [`${disk} --confidence 100%`, "--confidence"],
    [`--measured ${join(folder, "nowhere")} --mttr 1h`, "cannot read"],
  ])("refuses %s", async (line, message) => {
    const ran = run(line);
    await expect(ran).rejects.toBeInstanceOf(UsageError);
    await expect(ran).rejects.toThrow(message);
  });
});
