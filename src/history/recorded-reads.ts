/**
 * Finds for every read of a record the versions it may have seen, and so the edges of the graph.
 *
 * A value is read with its version. An absence has none: it is that of the position at which it
 * was read, if that is recorded; else it may be any absence that real time allows, and the edges
 * are those that hold for all of these.
 */

import type { RecordedScan, RecordedTransaction } from "../base/recorded-events.ts";
import type { EdgeSink } from "./evidence.ts";
import type { RecordedNode } from "./recorded-nodes.ts";
import { keysIn, type Version, type VersionTable, writesOf } from "./recorded-versions.ts";
import { RW, RW_RANGE, WR, WW } from "./relation.ts";

/** A read of a version of another transaction, as it can be resolved. */
export interface ResolvedRead {
  readonly node: number;
  readonly key: string;
  readonly keyIndex: number;
  /**
   * The first and last version it may have seen, as indexes into the versions of the key. The
   * first is -1 where it may have seen a removal that is not among them.
   */
  readonly first: number;
  readonly last: number;
  readonly relation: number;
  readonly versions: readonly Version[];
  readonly value: string | undefined;
  readonly found: boolean;
}

export interface ReadTrouble {
  readonly node: number;
  readonly key: string;
  readonly kind: "internal" | "wrong-value";
  readonly because: string;
}

export class RecordedReads {
  readonly reads: ResolvedRead[] = [];
  readonly troubles: ReadTrouble[] = [];
  readonly #nodes: readonly RecordedNode[];
  readonly #table: VersionTable;
  readonly #keyIndex: ReadonlyMap<string, number>;
  /** Removals of each key that may have taken place and may not. */
  readonly #removals = new Map<string, RecordedTransaction[]>();

  constructor(
    nodes: readonly RecordedNode[],
    table: VersionTable,
    doubtful: readonly RecordedTransaction[],
  ) {
    this.#nodes = nodes;
    this.#table = table;
    this.#keyIndex = new Map(table.keys.map((key, index) => [key, index]));
    for (const transaction of doubtful) {
      const last = new Map([...writesOf(transaction, table.keys)].map((one) => [one.key, one]));
      for (const { key, present } of last.values()) {
        if (present) continue;
        const removals = this.#removals.get(key) ?? [];
        this.#removals.set(key, removals);
        removals.push(transaction);
      }
    }
    for (const [node, { transaction, lsn }] of nodes.entries()) {
      if (transaction !== undefined) this.#walk(node, transaction, lsn);
    }
  }

  /** Gives every dependency to the sink, the versions as indexes into those of the key. */
  emit(sink: EdgeSink): void {
    for (const [keyIndex, key] of this.#table.keys.entries()) {
      const versions = this.#table.versions.get(key) ?? [];
      for (let at = 2; at < versions.length; at++) {
        const before = (versions[at - 1] as Version).writer;
        sink.add(before, (versions[at] as Version).writer, WW, keyIndex, at - 1, at);
      }
    }
    for (const { node, keyIndex, first, last, relation, versions } of this.reads) {
      const source = versions[first]?.writer ?? -1;
      if (0 <= source) sink.add(source, node, WR, keyIndex, first, first);
      const next = versions[last + 1];
      if (next !== undefined) sink.add(node, next.writer, relation, keyIndex, last, last + 1);
    }
  }

  #walk(node: number, transaction: RecordedTransaction, lsn: number | undefined): void {
    /** What the transaction itself wrote so far; `present` false is a removal. */
    const own = new Map<
      string,
      { readonly present: boolean; readonly value: string | undefined }
    >();
    for (const operation of transaction.operations) {
      switch (operation.kind) {
        case "read":
          this.#read(node, operation, own.get(operation.key), lsn, RW, operation.position);
          break;
        case "scan":
          this.#scan(node, operation, own, lsn);
          break;
        case "write":
        case "remove":
        case "remove-range":
          for (const written of writesOf(
            { ...transaction, operations: [operation] },
            this.#table.keys,
          )) {
            own.set(written.key, written);
          }
          break;
      }
    }
  }

  #scan(
    node: number,
    scan: RecordedScan,
    own: ReadonlyMap<string, { readonly present: boolean; readonly value: string | undefined }>,
    lsn: number | undefined,
  ): void {
    const found = new Set(scan.found.map(({ key }) => key));
    for (const entry of scan.found) {
      this.#read(node, entry, own.get(entry.key), lsn, RW, scan.position);
    }
    for (const key of keysIn(this.#table.keys, scan)) {
      if (found.has(key)) continue;
      const absent = { key, version: undefined, value: undefined };
      this.#read(node, absent, own.get(key), lsn, RW_RANGE, scan.position);
    }
  }

  #read(
    node: number,
    seen: {
      readonly key: string;
      readonly version: number | undefined;
      readonly value?: string | undefined;
    },
    own: { readonly present: boolean; readonly value: string | undefined } | undefined,
    lsn: number | undefined,
    relation: number,
    position: number | undefined,
  ): void {
    const { key, version, value } = seen;
    if (own !== undefined || version === 0 || (version !== undefined && version === lsn)) {
      this.#checkOwn(node, seen, own, lsn);
      return;
    }
    const versions = this.#table.versions.get(key) ?? [];
    const keyIndex = this.#keyIndex.get(key) ?? -1;
    if (version === undefined) {
      const range = this.#absence(node, key, versions, lsn, position);
      const read = { node, key, keyIndex, relation, versions, value, found: false };
      this.reads.push({ ...read, ...range });
      if (0 <= range.first && versions[range.last]?.present === true) {
        const because =
          `it found nothing at position ${position}, where version ` +
          `${versions[range.last]?.lsn} of "${key}" was present`;
        this.troubles.push({ node, key, kind: "wrong-value", because });
      }
      return;
    }
    const at = indexOfVersion(versions, version);
    this.reads.push({
      node,
      key,
      keyIndex,
      first: at,
      last: at,
      relation,
      versions,
      value,
      found: true,
    });
    this.#checkValue(node, key, versions[at], value);
  }

  #checkValue(
    node: number,
    key: string,
    written: Version | undefined,
    value: string | undefined,
  ): void {
    if (written?.present === false) {
      const because = `it found a value in version ${written.lsn} of "${key}", which removed it`;
      this.troubles.push({ node, key, kind: "wrong-value", because });
      return;
    }
    if (written?.value === undefined || value === undefined || written.value === value) return;
    const because =
      `it read "${value}" in version ${written.lsn} of "${key}", ` +
      `where "${written.value}" was written`;
    this.troubles.push({ node, key, kind: "wrong-value", because });
  }

  #checkOwn(
    node: number,
    seen: {
      readonly key: string;
      readonly version: number | undefined;
      readonly value?: string | undefined;
    },
    own: { readonly present: boolean; readonly value: string | undefined } | undefined,
    lsn: number | undefined,
  ): void {
    const { key, version, value } = seen;
    let because: string | undefined;
    if (own === undefined) {
      because = `it found its own write of "${key}" before it wrote it`;
    } else if (version === undefined) {
      if (own.present) because = `it wrote "${key}" and then found it absent`;
    } else if (!own.present) {
      because = `it removed "${key}" and then found it present`;
    } else if (version !== 0 && version !== lsn) {
      because = `it wrote "${key}" and then read version ${version} of it, written by another`;
    } else if (own.value !== undefined && value !== undefined && own.value !== value) {
      because = `it wrote "${own.value}" to "${key}" and then read "${value}"`;
    }
    if (because !== undefined) this.troubles.push({ node, key, kind: "internal", because });
  }

  /** Which absences a read of an absent key may have seen. */
  #absence(
    node: number,
    key: string,
    versions: readonly Version[],
    lsn: number | undefined,
    position: number | undefined,
  ): { readonly first: number; readonly last: number } {
    const limit = Math.min(position ?? Infinity, lsn === undefined ? Infinity : lsn - 1);
    let end = versions.length;
    while (end > 1 && limit < (versions[end - 1] as Version).lsn) end--;
    const reader = this.#nodes[node]?.transaction;
    const removals = (this.#removals.get(key) ?? []).filter(
      ({ began }) => began <= (reader?.ended ?? Infinity),
    );
    if (position !== undefined) return { first: removals.length > 0 ? -1 : end - 1, last: end - 1 };

    const absences = [...versions.keys()].filter(
      (at) => at < end && versions[at]?.present === false,
    );
    const possible = absences.filter((at) => this.#canHaveSeen(node, versions, at));
    if (removals.length > 0) {
      const latest = Math.max(...removals.map((removal) => placeOf(versions, removal, end)));
      return { first: -1, last: Math.max(latest, possible.at(-1) ?? 0) };
    }
    const chosen = possible.length > 0 ? possible : absences.slice(-1);
    return { first: chosen[0] ?? 0, last: chosen.at(-1) ?? 0 };
  }

  /** Whether real time lets `node` read version `at`: neither from the future nor overwritten. */
  #canHaveSeen(node: number, versions: readonly Version[], at: number): boolean {
    const reader = this.#nodes[node]?.transaction;
    const writer = this.#nodes[versions[at]?.writer ?? -1]?.transaction;
    const overwriter = this.#nodes[versions[at + 1]?.writer ?? -1]?.transaction;
    if (reader === undefined) return true;
    if (writer !== undefined && (reader.ended ?? Infinity) < writer.began) return false;
    return overwriter === undefined || reader.began <= (overwriter.ended ?? Infinity);
  }
}

/** The last version, of those before `end`, that a removal can have followed. */
function placeOf(versions: readonly Version[], removal: RecordedTransaction, end: number): number {
  if (removal.lsn === undefined) return end - 1;
  return Math.min(end, indexOfVersion(versions, removal.lsn)) - 1;
}

function indexOfVersion(versions: readonly Version[], lsn: number): number {
  let low = 0;
  let high = versions.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((versions[middle] as Version).lsn < lsn) low = middle + 1;
    else high = middle;
  }
  return low;
}
