/** What is measured of an embedded store, and what is demanded of ours. */

import type { Work } from "../report.ts";

export type WorkName =
  | "durable put, 1 writer"
  | "durable put, 64 writers at once"
  | "durable put, 64 writers: p99"
  | "transfer (2 reads, 2 writes), 64 at once"
  | "random get"
  | "random get, awaited"
  | "range scan"
  | "load, random keys, durable per 1,000"
  | "size on disk"
  | "memory after loading";

type LibraryWork = Work & { readonly name: WorkName };

export const libraryWorks: readonly LibraryWork[] = [
  rate("durable put, 1 writer", 0.9, 1.2),
  rate("durable put, 64 writers at once", 2, 4),
  measure("durable put, 64 writers: p99", "ms", undefined, undefined, undefined),
  rate("transfer (2 reads, 2 writes), 64 at once", 1.5, 4),
  measure("random get", "operations/s", 0.5, 1, "lmdb"),
  measure("random get, awaited", "operations/s", undefined, undefined, undefined),
  rate("range scan", 1, 3),
  rate("load, random keys, durable per 1,000", 2, 4),
  measure("size on disk", "bytes", 1 / 1.4, 1, "better-sqlite3"),
  measure("memory after loading", "bytes", undefined, undefined, undefined),
];

function rate(name: WorkName, bar: number, aim: number): LibraryWork {
  return measure(name, "operations/s", bar, aim, undefined);
}

function measure(
  name: WorkName,
  unit: Work["unit"],
  bar: number | undefined,
  aim: number | undefined,
  against: string | undefined,
): LibraryWork {
  return { name, unit, bar, aim, against };
}
