import { expect, test } from "vitest";
import { FaultPlan } from "../volume/fault-plan.ts";
import type { RaidArray } from "./array.ts";
import { CrashRun } from "./crash-run.suite.ts";
import { Geometry } from "./geometry.ts";
import { MemberLayout, tableCopiesOf } from "./member-layout.ts";
import type { RaidOptions } from "./options.ts";
import { ReadErrors } from "./read-errors.ts";
import {
  smallAssembly,
  smallOptions,
  type SmallShape,
  smallShapes,
  testWorld,
} from "./test-array.suite.ts";

const SIZE_BYTES = 16_384;
const HOUR_MS = 3_600_000;
const redundant = smallShapes.filter(({ level }) => level !== 0);
const five: SmallShape = { level: 5, memberCount: 3, blockBytes: 64, chunkBlocks: 1 };

test("what was refused and put right counts, and halves with every hour", () => {
  const errors = new ReadErrors();
  expect(errors.putRight(5, 0)).toBe(false);
  for (let at = 0; at < 9; at++) {
    errors.refused(at);
    errors.refused(at);
    expect(errors.putRight(at, 1000)).toBe(true);
  }
  expect(errors.count(1000)).toBe(9);
  expect(errors.count(1000 + HOUR_MS)).toBe(4);
  expect(errors.count(1000 + 4 * HOUR_MS)).toBe(0);
});

test("a member that will not read too often is out, and stays so", async () => {
  for (const shape of redundant) {
    const { run, plan } = await spoiled(shape, { readErrorsMax: 4 });
    const { array } = run;
    refuse(plan, shape, 0, 4);
    await array.scrub();
    expect(errorsOf(array, 0)).toBe(4);
    expect(array.status().health).toBe("whole");
    refuse(plan, shape, 0, 1);
    await array.scrub();
    expect(stateOf(array, 0)).toBe("missing");
    const lost = run.world.events.find(({ name }) => name === "raid.member-failed");
    expect(String(lost?.fields["why"])).toContain("read");
    expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
    const last = { moment: run.moments.length - 1, seed: 1, crash: "power", lost: [] } as const;
    expect(await run.refute(last)).toBeUndefined();
    const images = run.images(last);
    const again = await CrashRun.over(shape, testWorld(9), images, { options: smallAssembly });
    expect(stateOf(again.array, 0)).toBe("missing");
  }
});

test("a member that is needed stays in, and so does each where no limit is set", async () => {
  const { run, plan } = await spoiled(five, { readErrorsMax: 2 });
  await run.array.fail(1);
  refuse(plan, five, 0, 6);
  await run.array.scrub();
  expect(stateOf(run.array, 0)).toBe("active");

  const unlimited = await spoiled(five, { readErrorsMax: 0 });
  refuse(unlimited.plan, five, 0, 9);
  await unlimited.run.array.scrub();
  expect(stateOf(unlimited.run.array, 0)).toBe("active");
  expect(errorsOf(unlimited.run.array, 0)).toBe(9);
});

/** An array with something in every block, and a plan that it obeys. */
async function spoiled(
  shape: SmallShape,
  options: Partial<RaidOptions>,
): Promise<{ readonly run: CrashRun; readonly plan: FaultPlan }> {
  const plan = new FaultPlan();
  const fresh = await CrashRun.create(shape, SIZE_BYTES);
  const images = fresh.recordings.map(({ before }) => before.copy());
  const extras = { plan, options: { ...smallAssembly, ...options } };
  const run = await CrashRun.over(shape, testWorld(), images, extras);
  await run.step({ kind: "write", at: 0, length: SIZE_BYTES, value: 1, isDurable: true });
  await run.array.checkpoint();
  return { run, plan };
}

/** Makes the first rows of a member unreadable until they are written. */
function refuse(plan: FaultPlan, shape: SmallShape, member: number, rows: number): void {
  const { blockBytes } = new Geometry({ ...shape, layout: "left-symmetric" });
  const tableCopies = tableCopiesOf(shape);
  const layout = new MemberLayout({ ...smallOptions(shape, SIZE_BYTES), tableCopies });
  const fault = { kind: "unreadable" } as const;
  for (let row = 0; row < rows; row++) {
    const range = { at: layout.rowAt(row), length: blockBytes };
    plan.add({ operations: ["read"], path: `disk${member}`, range, skip: 0, count: 1, fault });
  }
}

function stateOf(array: RaidArray, role: number): string | undefined {
  return array.status().members[role]?.state;
}

function errorsOf(array: RaidArray, role: number): number | undefined {
  return array.status().members[role]?.readErrors;
}
