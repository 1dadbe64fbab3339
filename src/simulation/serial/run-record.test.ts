import { expect, test } from "vitest";
import type { RecordedOperation } from "../../base/recorded-events.ts";
import { checkRecorded } from "../../history/recorded-check.ts";
import { RunRecord } from "./run-record.ts";

const absent: RecordedOperation = { kind: "read", key: "a", version: undefined, position: 3 };
const removed: RecordedOperation = { kind: "remove", key: "a" };

test("what was absent when the end of the log was lost is not what a later life removed", () => {
  const record = new RunRecord();
  // It depends on nothing that was lost, though the log went on to 3 when it read.
  tell(record, [absent]);
  record.openedAgain(2);
  tell(record, [removed], 3);
  expect(checkRecorded(record.finished())).toEqual({ kind: "valid" });
});

test("who was told of an absence that only what was lost had made is found", () => {
  const record = new RunRecord();
  tell(record, [{ kind: "write", key: "a", value: "1" }], 2);
  const lost = record.begin(undefined);
  lost.operations = [removed];
  lost.lsn = 3;
  tell(record, [absent]);
  record.openedAgain(2);
  expect(checkRecorded(record.finished()).kind).toBe("invalid");
});

function tell(record: RunRecord, operations: readonly RecordedOperation[], lsn?: number): void {
  const transaction = record.begin(undefined);
  transaction.operations = operations;
  transaction.lsn = lsn;
  record.told(transaction);
}
