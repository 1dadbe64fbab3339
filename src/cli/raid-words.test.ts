import { expect, test } from "vitest";
import type { DiskArrayStatus } from "../arrays/disk-array.ts";
import { IS_BEHIND } from "../raid/assembly.ts";
import { zeroCounters } from "../raid/superblock.ts";
import { readCounters } from "../reliability/read-counters.ts";
import { measuredOf } from "../arrays/measured.ts";
import { ProcessIo } from "./process-io.ts";
import { describeScrub, describeStatus } from "./raid-words.ts";

const io = new ProcessIo(() => ({ json: false, quiet: true }));

const status: DiskArrayStatus = {
  arrayId: "0a0b",
  level: 5,
  layout: "left-symmetric",
  health: "degraded",
  failure: undefined,
  sizeBytes: 256 << 20,
  blockBytes: 4096,
  chunkBytes: 65_536,
  event: 7,
  members: [
    {
      role: 0,
      state: "active",
      memberId: "01",
      name: "/a",
      rebuilt: undefined,
      replacement: { name: "/d", copied: 0.5 },
      readErrors: 12,
    },
    {
      role: 1,
      state: "rebuilding",
      memberId: "02",
      name: "/b",
      rebuilt: 0.256,
      replacement: undefined,
      readErrors: 0,
    },
    {
      role: 2,
      state: "missing",
      memberId: "03",
      name: undefined,
      rebuilt: undefined,
      replacement: undefined,
      readErrors: 0,
    },
  ],
  spares: ["/e"],
  journalBytes: 32 << 20,
  journalUsedBytes: 0,
  job: {
    kind: "rebuild",
    member: "/b",
    doneBytes: 32 << 20,
    totalBytes: 128 << 20,
    bytesPerSecond: 16 << 20,
    secondsLeft: 6,
  },
  counters: { ...zeroCounters, membersFailed: 1, blocksRepaired: 2048 },
  risks: [],
  absent: [{ path: "/c", reason: "It was told to fail" }],
  measured: undefined,
  lastScrub: undefined,
};

test("a status says who is where, what is done and what was counted", () => {
  expect(describeStatus(status, io)).toBe(
    [
      "raid5 of 3, 256 MiB: degraded",
      "  array      0a0b, event 7",
      "  chunk      64 KiB, left-symmetric, blocks of 4.0 KiB",
      "  journal    32 MiB, 0 B in use",
      "  role 0     active  /a, being replaced by /d, 50%, 12 read errors lately",
      "  role 1     rebuilding, 25%  /b",
      "  role 2     missing  (member 03)",
      "  spare      /e",
      "  absent     /c: It was told to fail",
      "  rebuild    25% (32 MiB of 128 MiB), 16 MiB/s, 6 s left",
      "  counted    1 member failed, 0 repairs, 0 scrubs, 2,048 blocks repaired, " +
        "0 blocks lost by rebuilds",
    ].join("\n"),
  );
});

test("the command is named that brings a member back", () => {
  const absent = [
    { path: "/it's c", reason: IS_BEHIND },
    { path: "/x", reason: "it was replaced" },
  ];
  const words = describeStatus({ ...status, absent }, io).split("\n");
  expect(words.filter((line) => line.startsWith("  next"))).toEqual([
    String.raw`  next       holdfast raid add '/it'\''s c' --array /a`,
  ]);
});

test("a scrub names the members that were wrong, and what is lost", () => {
  const clean = { blocks: 1, repaired: 0, lostAt: [], parityRepaired: 0, tablesRepaired: 0 };
  expect(describeScrub({ ...clean, members: [] })).toBe("scrubbed 1 block: nothing is wrong");
  const wrong = { ...clean, repaired: 3, lostAt: [8192], parityRepaired: 1, tablesRepaired: 2 };
  expect(describeScrub({ ...wrong, members: [{ name: "/b", repaired: 3 }] })).toBe(
    [
      "scrubbed 1 block",
      "  wrong      3 blocks of /b, put right",
      "  parity     of 1 row was wrong, and is put right",
      "  checksums  2 blocks of them written again",
      "  LOST       byte 8,192 of the array: write it anew to heal it",
    ].join("\n"),
  );
});

test("what an array has counted is taken by the arithmetic of reliability", () => {
  expect(measuredOf(zeroCounters)).toBeUndefined();
  const counted = { memberSeconds: 7200, membersFailed: 2, repairs: 2, repairSeconds: 3600 };
  const measured = measuredOf({ ...zeroCounters, ...counted, readBytes: 4096, readErrors: 1 });
  const read = readCounters(JSON.stringify({ ...status, measured }));
  expect(read).toEqual({
    diskHours: 2,
    failures: 2,
    repairHours: [0.5, 0.5],
    readBytes: 4096,
    readErrors: 1,
  });
});
