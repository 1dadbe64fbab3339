import { expect, test } from "vitest";
import { type AssemblyVerdict, type FoundMember, judgeAssembly } from "./assembly.ts";
import type { RaidLevel } from "./geometry.ts";
import {
  type ArrayRecord,
  type MemberPurpose,
  type RoleRecord,
  zeroCounters,
  zeroHash,
} from "./superblock.ts";

test("members are seated by who they are, in whatever order they come", () => {
  const array = record({ memberCount: 3 });
  const verdict = judge([member(2, array), member(0, array), member(1, array)]);
  expect(seats(verdict)).toEqual([1, 2, 0]);
});

test("a member that is one superblock behind is current, one that is two behind is not", () => {
  const behind = (by: number) => {
    const array = record({ memberCount: 3, sequence: 9 });
    const old = { ...array, sequence: 9 - by };
    return judge([member(0, array), member(1, old), member(2, array)]);
  };
  expect(seats(behind(1))).toEqual([0, 1, 2]);
  expect(seats(behind(2))).toEqual([0, undefined, 2]);
  expect(returned(behind(2), 1)).toEqual({ member: 1, sinceEvent: undefined });
});

test("who was recorded as gone stays out, and may catch up from when it left", () => {
  const old = record({ memberCount: 3, sequence: 9, event: 4 });
  const left = { state: "missing", leftEvent: 4, leftSequence: 10 } as const;
  const array = change({ ...old, sequence: 15, event: 5 }, 1, left);
  const verdict = judge([member(0, array), member(1, old), member(2, array)]);
  expect(seats(verdict)).toEqual([0, undefined, 2]);
  expect(returned(verdict, 1)).toEqual({ member: 1, sinceEvent: 4 });
  const older = { ...old, sequence: 8 };
  const copy = judge([member(0, array), member(1, older), member(2, array)]);
  expect(returned(copy, 1)).toEqual({ member: 1, sinceEvent: undefined });
});

test("two halves that each went on alone are refused, by force too", () => {
  const common = record({ level: 1, memberCount: 2, event: 4, sequence: 9 });
  const left = { state: "missing", leftEvent: 4, leftSequence: 9 } as const;
  const one = change({ ...common, event: 5, sequence: 12 }, 1, left);
  const other = change({ ...common, event: 7, sequence: 20 }, 0, left);
  for (const force of [false, true]) {
    const verdict = judge([member(0, one), member(1, other)], force);
    expect(message(verdict)).toContain("each went on without the other");
  }
  expect(seats(judge([member(0, one)]))).toEqual([0, undefined]);
  expect(seats(judge([member(1, other)]))).toEqual([undefined, 0]);
});

test("halves that each went on are told apart when one has given the other's role away, too", () => {
  const common = record({ level: 1, memberCount: 2, event: 4, sequence: 9 });
  const left = { state: "missing", leftEvent: 4, leftSequence: 9 } as const;
  const one = change({ ...common, event: 6, sequence: 14 }, 1, { memberId: idOf(7) });
  const other = change({ ...common, event: 7, sequence: 20 }, 0, left);
  const verdict = judge([member(0, one), member(7, one), member(1, other)]);
  expect(message(verdict)).toContain("each went on without the other");
});

test("who left with others that are here did not go on alone, though its role is another's", () => {
  const common = record({ level: 6, memberCount: 4, event: 4, sequence: 9 });
  const first = { state: "missing", leftEvent: 4, leftSequence: 9 } as const;
  const old = change({ ...common, event: 5, sequence: 12 }, 0, first);
  const now = change({ ...common, event: 8, sequence: 30 }, 1, { memberId: idOf(7) });
  const here = [member(0, now), member(1, old), member(2, now), member(3, now), member(7, now)];
  const verdict = judge(here);
  expect(seats(verdict)).toEqual([0, 4, 2, 3]);
  expect(verdict.kind === "assemble" && verdict.out).toEqual([
    { member: 1, reason: "it was removed from the array" },
  ]);
});

test("who missed that another came back did not go on alone", () => {
  const common = record({ level: 6, memberCount: 4, event: 4, sequence: 9 });
  const first = { state: "missing", leftEvent: 4, leftSequence: 9 } as const;
  const old = change({ ...common, event: 5, sequence: 12 }, 0, first);
  const second = { state: "missing", leftEvent: 5, leftSequence: 12 } as const;
  const now = change({ ...common, event: 7, sequence: 20 }, 1, second);
  const verdict = judge([member(0, now), member(1, old), member(2, now), member(3, now)]);
  expect(seats(verdict)).toEqual([0, undefined, 2, 3]);
  expect(returned(verdict, 1)).toEqual({ member: 1, sinceEvent: 5 });
});

test("a record that never came to those who went on is not believed, however new its event", () => {
  const gone = { state: "missing", leftEvent: 4, leftSequence: 7 } as const;
  const common = change(record({ memberCount: 3, event: 5, sequence: 9 }), 1, gone);
  const now = { ...common, sequence: 14 };
  // The power failed when only the one that was about to join had the record that says so.
  const joins = { state: "rebuilding", leftEvent: 4, leftSequence: 0 } as const;
  const again = change({ ...common, event: 6, sequence: 10 }, 1, joins);
  const verdict = judge([member(1, again), member(0, now), member(2, now)]);
  expect(seats(verdict)).toEqual([1, undefined, 2]);
  expect(returned(verdict, 1)).toEqual({ member: 0, sinceEvent: undefined });
  expect(verdict.kind === "assemble" && verdict.array).toBe(now);

  const fresh = change(again, 1, { memberId: idOf(7) });
  const unknown = judge([member(7, fresh), member(0, now), member(2, now)]);
  expect(seats(unknown)).toEqual([1, undefined, 2]);
  expect(unknown.kind === "assemble" && unknown.out[0]?.member).toBe(0);

  // As long as nobody went on without it, it is what the others were about to have.
  const cut = judge([member(1, again), member(0, common), member(2, common)]);
  expect(seats(cut)).toEqual([1, 0, 2]);
});

test("too few are refused, and those that could be outvoted by the missing", () => {
  const five = record({ memberCount: 3 });
  expect(message(judge([member(0, five)]))).toMatch(
    /1 is here and up to date [(]"0"[)], and .* needs 2: find members \w{32}, \w{32}, or force/u,
  );
  expect(seats(judge([member(0, five), member(2, five)]))).toEqual([0, undefined, 1]);

  const mirror = record({ level: 1, memberCount: 2 });
  expect(message(judge([member(1, mirror)]))).toContain("could have gone on");
  const forced = judge([member(1, mirror)], true);
  expect(seats(forced)).toEqual([undefined, 0]);
  expect(forced.kind === "assemble" && forced.risks.length).toBe(1);

  const striped = record({ level: 0, memberCount: 2 });
  expect(message(judge([member(1, striped)], true))).toContain("RAID 0 needs 2");
});

test("force takes a member that is behind where none else is there, and says what it risks", () => {
  const old = record({ memberCount: 3, sequence: 3 });
  const left = { state: "missing", leftEvent: 1, leftSequence: 3 } as const;
  const array = change({ ...old, sequence: 9, event: 2 }, 0, left);
  const found = [member(0, old), member(1, array)];
  // The one that is behind is here, and of no help: the third is.
  expect(message(judge(found))).toMatch(
    /1 is here and up to date [(]"1"[)].* find member \w{32},/u,
  );
  const forced = judge(found, true);
  expect(seats(forced)).toEqual([0, 1, undefined]);
  expect(forced.kind === "assemble" && forced.risks[0]).toContain('"0" is behind');
});

test("strangers, copies, and what is not a member are refused by name", () => {
  const array = record({ memberCount: 3 });
  const other = { ...array, arrayId: new Uint8Array(16).fill(0xbb) };
  expect(message(judge([member(0, array), member(1, other)]))).toContain('"1" is a member of');
  const twin = { ...member(1, array), name: "copy of 1" };
  const all = [member(0, array), member(1, array), twin];
  expect(message(judge(all))).toContain('"1" and "copy of 1"');
  expect(message(judge([{ name: "x", found: { kind: "empty" }, problem: undefined }]))).toContain(
    '"x"',
  );
  const foreign = { name: "y", found: { kind: "foreign", major: 3 }, problem: undefined } as const;
  expect(message(judge([foreign, member(0, array)]))).toContain("format version 3");
});

test("what is damaged is left out while the others suffice", () => {
  const array = record({ memberCount: 3 });
  const damaged: FoundMember = { name: "1", found: { kind: "damaged" }, problem: undefined };
  const verdict = judge([member(0, array), damaged, member(2, array)]);
  expect(seats(verdict)).toEqual([0, undefined, 2]);
  expect(verdict.kind === "assemble" && verdict.out).toEqual([
    { member: 1, reason: "it is no member of an array, or its superblocks are damaged" },
  ]);
});

test("who is here and broken is left out, and did not go on alone", () => {
  const mirror = record({ level: 1, memberCount: 2 });
  const verdict = judge([
    member(0, mirror),
    { ...member(1, mirror), problem: "a sync of it failed" },
  ]);
  expect(seats(verdict)).toEqual([0, undefined]);
});

test("spares and replacements are told apart", () => {
  const target = { memberId: idOf(8), position: 5 };
  const array = change(record({ memberCount: 3 }), 2, { replacement: target });
  const members = [0, 1, 2].map((index) => member(index, array));
  const verdict = judge([...members, member(9, array, "spare"), member(8, array)]);
  expect(verdict.kind === "assemble" && verdict.spares).toEqual([3]);
  expect(verdict.kind === "assemble" && verdict.seats[2]?.replacement).toBe(4);
});

test("one that is rebuilding does not count as one of those that are needed", () => {
  const array = change(record({ memberCount: 3 }), 1, { state: "rebuilding" });
  expect(seats(judge([0, 1, 2].map((index) => member(index, array))))).toEqual([0, 1, 2]);
  expect(message(judge([member(0, array), member(1, array)]))).toContain("needs 2");
});

function judge(members: readonly FoundMember[], force = false): AssemblyVerdict {
  return judgeAssembly(members, { force });
}

function seats(verdict: AssemblyVerdict): readonly (number | undefined)[] {
  if (verdict.kind === "refuse") throw verdict.fault;
  return verdict.seats.map(({ member: index }) => index);
}

function returned(verdict: AssemblyVerdict, role: number): unknown {
  return verdict.kind === "assemble" ? verdict.seats[role]?.returned : undefined;
}

function message(verdict: AssemblyVerdict): string {
  return verdict.kind === "refuse" ? verdict.fault.message : "assembled";
}

function member(index: number, array: ArrayRecord, purpose: MemberPurpose = "member"): FoundMember {
  const superblock = { memberId: idOf(index), purpose, array };
  return {
    name: String(index),
    found: { kind: "valid", superblock, isOnBoth: true },
    problem: undefined,
  };
}

function idOf(index: number): Uint8Array {
  return new Uint8Array(16).fill(index + 1);
}

function change(array: ArrayRecord, role: number, fields: Partial<RoleRecord>): ArrayRecord {
  const roles = array.roles.map((one, index) => (index === role ? { ...one, ...fields } : one));
  return { ...array, roles };
}

interface RecordFields {
  readonly level?: RaidLevel;
  readonly memberCount: number;
  readonly sequence?: number;
  readonly event?: number;
}

function record({ level = 5, memberCount, sequence = 5, event = 1 }: RecordFields): ArrayRecord {
  return {
    arrayId: new Uint8Array(16).fill(0xaa),
    sequence,
    event,
    clean: false,
    making: false,
    level,
    layout: "left-symmetric",
    memberCount,
    blockBytes: 64,
    chunkBlocks: 1,
    journalBytes: 8192,
    groupTableBlocks: 1,
    rows: 100,
    sizeBytes: 4096,
    journal: { batch: 1, position: 0, chain: zeroHash },
    incarnation: zeroHash,
    tableSequence: 0,
    tableDigest: zeroHash,
    reshape: undefined,
    scrubRow: undefined,
    counters: zeroCounters,
    roles: Array.from({ length: memberCount }, (_, index) => ({
      memberId: idOf(index),
      state: "active" as const,
      leftEvent: 0,
      leftSequence: 0,
      position: 0,
      replacement: undefined,
    })),
  };
}
