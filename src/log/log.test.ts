import { expect, test } from "vitest";
import { lsn } from "../base/ids.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { recoverLog } from "./recovery.ts";
import {
  bodyOf,
  checksums,
  formatStore,
  hex,
  seenOf,
  type Seen,
  smallGeometry,
  TestStore,
  volumeBytesOf,
} from "./test-store.suite.ts";

async function freshVolume(): Promise<MemoryVolume> {
  const volume = new MemoryVolume(volumeBytesOf(smallGeometry), {
    name: "memory",
    writeUnitBytes: smallGeometry.unitBytes,
  });
  await formatStore(volume, smallGeometry);
  return volume;
}

test("what was appended is there after a clean close and after none", async () => {
  const volume = await freshVolume();
  const store = await TestStore.open(volume, smallGeometry);
  for (let tag = 1; tag <= 20; tag++) {
    expect(store.append(tag, bodyOf(tag, 4 + tag * 13))).toBe(tag);
    if (tag % 3 === 0) await store.settle();
  }
  await store.settle();
  const again = await TestStore.open(volume, smallGeometry);
  expect(again.recovered.map((e) => e.lsn)).toEqual([...Array(20).keys()].map((i) => i + 1));
  expect(again.recovered[6]).toEqual({ lsn: 7, kind: 7, body: hex(bodyOf(7, 4 + 7 * 13)) });
  await again.close();
  const third = await TestStore.open(volume, smallGeometry);
  expect(third.recovered).toEqual(again.recovered);
});

test("reader", async () => {
  const volume = await freshVolume();
  const store = await TestStore.open(volume, smallGeometry);
  for (let tag = 1; tag <= 20; tag++) {
    store.append(tag, bodyOf(tag, 4 + tag * 13));
    if (tag % 3 === 0) await store.settle();
  }
  await store.settle();
  const seen: Seen[] = [];
  const reader = store.log.reader(lsn(5));
  await reader.readOn((e) => void seen.push(seenOf(e)) as undefined);
  expect(seen.map((e) => e.lsn)).toEqual([...Array(16).keys()].map((i) => i + 5));
  void checksums;
  void recoverLog;
});
