/** Recorded transactions in a line of words. */

import type { RecordedOperation } from "../base/recorded-events.ts";
import type { RecordedNode } from "./recorded-nodes.ts";

const OPERATIONS_SHOWN_MAX = 12;

export function nameRecorded({ transaction, lsn }: RecordedNode): string {
  return transaction?.id ?? `the unrecorded commit at ${lsn}`;
}

export function describeRecorded(node: RecordedNode): string {
  const { transaction, lsn } = node;
  if (transaction === undefined) return nameRecorded(node);
  const { operations } = transaction;
  const shown = operations.slice(0, OPERATIONS_SHOWN_MAX).map(describeOperation);
  if (shown.length < operations.length) shown.push("...");
  const end = lsn === undefined ? "" : ` committed at ${lsn}`;
  return `${transaction.id} [${shown.join(", ")}]${end}`;
}

function describeOperation(operation: RecordedOperation): string {
  switch (operation.kind) {
    case "read":
      return `read ${operation.key}@${operation.version ?? "absent"}`;
    case "scan": {
      const found = operation.found.map(({ key, version }) => `${key}@${version}`);
      return `scan ${operation.start}..${operation.end ?? ""} {${found.join(" ")}}`;
    }
    case "write":
      return `write ${operation.key}`;
    case "remove":
      return `remove ${operation.key}`;
    case "remove-range":
      return `remove ${operation.start}..${operation.end ?? ""}`;
  }
}
