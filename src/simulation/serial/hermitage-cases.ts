/**
 * The isolation anomalies by name, as schedules for transactions on the rows 1 = 10 and 2 = 20,
 * after the Hermitage collection. Under every schedule a serializable store must keep the anomaly
 * from happening: by making somebody wait, or by aborting somebody.
 *
 *     T1 read 1          T1 write 1 11       T1 insert 3 30      T1 delete 2
 *     T1 rows            all rows            T1 rows 30          those with that value
 *     T1 rows % 3        those whose value 3 divides
 *     T1 add 10          adds 10 to every row
 *     T1 drop 20         deletes the rows with that value
 *     T1 commit          T1 rollback
 */

export interface HermitageCase {
  readonly name: string;
  /** What must not happen. */
  readonly anomaly: string;
  readonly schedule: readonly string[];
}

export const hermitageCases: readonly HermitageCase[] = [
  {
    name: "G0",
    anomaly: "two transactions overwrite each other's writes, each in another order",
    schedule: [
      "T1 write 1 11",
      "T2 write 1 12",
      "T1 write 2 21",
      "T1 commit",
      "T2 write 2 22",
      "T2 commit",
    ],
  },
  {
    name: "G1a",
    anomaly: "a write is read that is rolled back",
    schedule: ["T1 write 1 101", "T2 rows", "T1 rollback", "T2 rows", "T2 commit"],
  },
  {
    name: "G1b",
    anomaly: "a write is read that its transaction overwrites before it commits",
    schedule: ["T1 write 1 101", "T2 rows", "T1 write 1 11", "T1 commit", "T2 rows", "T2 commit"],
  },
  {
    name: "G1c",
    anomaly: "two transactions each read what the other writes",
    schedule: [
      "T1 write 1 11",
      "T2 write 2 22",
      "T1 read 2",
      "T2 read 1",
      "T1 commit",
      "T2 commit",
    ],
  },
  {
    name: "OTV",
    anomaly: "a transaction sees one write of another, and then again what was before it",
    schedule: [
      "T1 write 1 11",
      "T1 write 2 19",
      "T2 write 1 12",
      "T1 commit",
      "T3 read 1",
      "T2 write 2 18",
      "T3 read 2",
      "T2 commit",
      "T3 read 2",
      "T3 read 1",
      "T3 commit",
    ],
  },
  {
    name: "PMP with a read predicate",
    anomaly: "a row appears in what was read before",
    schedule: ["T1 rows 30", "T2 insert 3 30", "T2 commit", "T1 rows % 3", "T1 commit"],
  },
  {
    name: "PMP with a write predicate",
    anomaly: "rows that are written by a predicate are not those that it holds for",
    schedule: ["T1 add 10", "T2 drop 20", "T1 commit", "T2 rows", "T2 commit"],
  },
  {
    name: "P4",
    anomaly: "an update is lost under another that did not see it",
    schedule: [
      "T1 read 1",
      "T2 read 1",
      "T1 write 1 11",
      "T2 write 1 12",
      "T1 commit",
      "T2 commit",
    ],
  },
  {
    name: "G-single with items",
    anomaly: "a transaction sees one row before and one row after another transaction",
    schedule: [
      "T1 read 1",
      "T2 read 1",
      "T2 read 2",
      "T2 write 1 12",
      "T2 write 2 18",
      "T2 commit",
      "T1 read 2",
      "T1 commit",
    ],
  },
  {
    name: "G-single with a predicate",
    anomaly: "the same, by rows that a predicate holds for",
    schedule: ["T1 rows % 5", "T2 write 1 12", "T2 commit", "T1 rows % 3", "T1 commit"],
  },
  {
    name: "G-single with a write predicate",
    anomaly: "a transaction deletes by a predicate what it did not see change",
    schedule: [
      "T1 read 1",
      "T2 rows",
      "T2 write 1 12",
      "T2 write 2 18",
      "T2 commit",
      "T1 drop 20",
      "T1 rows",
      "T1 commit",
    ],
  },
  {
    name: "G-single with an abort",
    anomaly: "a transaction that is told of the conflict sees both states before it ends",
    schedule: [
      "T1 read 1",
      "T2 rows",
      "T2 write 1 12",
      "T2 write 2 18",
      "T2 commit",
      "T1 drop 20",
      "T1 rollback",
      "T3 rows",
      "T3 commit",
    ],
  },
  {
    name: "G2-item",
    anomaly: "two transactions each read what the other writes, and neither sees it: write skew",
    schedule: [
      "T1 read 1",
      "T1 read 2",
      "T2 read 1",
      "T2 read 2",
      "T1 write 1 11",
      "T2 write 2 21",
      "T1 commit",
      "T2 commit",
    ],
  },
  {
    name: "G2",
    anomaly: "two transactions each add a row to what the other looked for",
    schedule: [
      "T1 rows % 3",
      "T2 rows % 3",
      "T1 insert 3 30",
      "T2 insert 4 42",
      "T1 commit",
      "T2 commit",
    ],
  },
  {
    name: "G2 with two edges",
    anomaly: "a third transaction that only reads sees an order that the others cannot have had",
    schedule: [
      "T1 rows",
      "T2 add 5",
      "T2 commit",
      "T3 rows",
      "T3 commit",
      "T1 write 1 0",
      "T1 commit",
    ],
  },
];
