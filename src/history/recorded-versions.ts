/** The versions of every key of a record, in the order of the log. */

import type { RecordedTransaction } from "../base/recorded-events.ts";
import { inRange, type RecordedNode, versionsRead } from "./recorded-nodes.ts";

export interface Version {
  readonly lsn: number;
  /** The node that wrote it, or -1 for the initial state. */
  readonly writer: number;
  /** Whether the key was there afterwards; undefined where that is not recorded. */
  readonly present: boolean | undefined;
  readonly value: string | undefined;
}

export interface VersionTable {
  /** All keys that the record names, sorted. */
  readonly keys: readonly string[];
  /** For each key: the initial state, then each version. */
  readonly versions: ReadonlyMap<string, readonly Version[]>;
}

const INITIAL: Version = { lsn: 0, writer: -1, present: false, value: undefined };

export function versionTable(nodes: readonly RecordedNode[]): VersionTable {
  const keys = [...new Set(nodes.flatMap(({ transaction }) => [...keysOf(transaction)]))].toSorted(
    (left, right) => (left < right ? -1 : 1),
  );
  const versions = new Map<string, Version[]>(keys.map((key) => [key, [INITIAL]]));
  const add = (key: string, version: Version): void => {
    const list = versions.get(key);
    if (list === undefined) return;
    // The last write of a transaction to a key is the one that others can see.
    if (list.at(-1)?.writer === version.writer) list.pop();
    list.push(version);
  };
  for (const [writer, { transaction, lsn }] of nodes.entries()) {
    if (transaction === undefined || lsn === undefined) continue;
    for (const written of writesOf(transaction, keys))
      add(written.key, { ...written, lsn, writer });
  }
  addUnrecorded(nodes, versions);
  for (const list of versions.values()) list.sort((left, right) => left.lsn - right.lsn);
  return { keys, versions };
}

/** Versions that were read at positions of which no transaction is recorded. */
function addUnrecorded(nodes: readonly RecordedNode[], versions: Map<string, Version[]>): void {
  const ghosts = new Map(
    [...nodes.entries()]
      .filter(([, { transaction }]) => transaction === undefined)
      .map(([number, { lsn }]) => [lsn, number]),
  );
  const added = new Set<string>();
  for (const { transaction } of nodes) {
    if (transaction === undefined) continue;
    for (const { key, version, value } of versionsRead(transaction)) {
      const writer = ghosts.get(version);
      const list = versions.get(key);
      if (writer === undefined || list === undefined || added.has(`${version} ${key}`)) continue;
      if (list.some(({ lsn }) => lsn === version)) continue;
      added.add(`${version} ${key}`);
      list.push({ lsn: version, writer, present: true, value });
    }
  }
}

export interface Written {
  readonly key: string;
  readonly present: boolean;
  readonly value: string | undefined;
}

/** What a transaction wrote, a removed range key by key of those that `keys` names. */
export function* writesOf(
  transaction: RecordedTransaction,
  keys: readonly string[],
): Generator<Written> {
  for (const operation of transaction.operations) {
    switch (operation.kind) {
      case "write":
        yield { key: operation.key, present: true, value: operation.value };
        break;
      case "remove":
        yield { key: operation.key, present: false, value: undefined };
        break;
      case "remove-range":
        for (const key of keysIn(keys, operation)) yield { key, present: false, value: undefined };
        break;
      case "read":
      case "scan":
        break;
    }
  }
}

/** Those of the sorted `keys` that lie in the range. */
export function* keysIn(
  keys: readonly string[],
  range: { readonly start: string; readonly end: string | undefined },
): Generator<string> {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) < range.start) low = middle + 1;
    else high = middle;
  }
  for (; low < keys.length; low++) {
    const key = keys[low] as string;
    if (!inRange(range, key)) return;
    yield key;
  }
}

function* keysOf(transaction: RecordedTransaction | undefined): Generator<string> {
  for (const operation of transaction?.operations ?? []) {
    if (operation.kind === "scan") for (const { key } of operation.found) yield key;
    else if (operation.kind !== "remove-range") yield operation.key;
  }
}
