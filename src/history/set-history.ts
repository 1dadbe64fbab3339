/**
 * Judges histories of a set that elements are added to, each once, and that is read whole.
 *
 * Whatever was acknowledged before a read began, or before the add of an element in it did, must
 * be in it; nothing may be in it that nobody tried to add, or that was tried only later; what was
 * seen must stay; and of two reads one must contain the other.
 */

import { groupedBy } from "./grouped-by.ts";
import { isArray, type Json } from "./json.ts";
import { describeOperationOf, type Operation } from "./operation-history.ts";
import type { Findings } from "./transaction-report.ts";
import type { Anomaly, AnomalyName, Fact } from "./verdict.ts";

interface Read {
  readonly operation: Operation;
  readonly elements: ReadonlySet<string>;
  /** It took place after this moment: it had begun, and the adds of all that is in it. */
  readonly after: number;
}

/** `failed` are the elements whose adding failed, so that they must not appear. */
export function checkSet(operations: readonly Operation[], failed: ReadonlySet<string>): Findings {
  return new SetCheck(operations, failed).run();
}

class SetCheck {
  readonly #operations: readonly Operation[];
  readonly #failed: ReadonlySet<string>;
  readonly #anomalies: Anomaly[] = [];
  readonly #adds: ReadonlyMap<string, Operation>;
  readonly #reads: readonly Read[];
  readonly #twin: string | undefined;

  constructor(operations: readonly Operation[], failed: ReadonlySet<string>) {
    this.#operations = operations;
    this.#failed = failed;
    const adds = operations.filter(({ name }) => name === "add");
    const byElement = groupedBy(adds, ({ input }) => text(input));
    this.#adds = new Map(adds.map((add) => [text(add.input), add]));
    this.#twin = [...byElement].find(([, group]) => group.length > 1)?.[0];
    this.#reads = operations.flatMap((operation) =>
      operation.name === "read" && operation.output !== undefined ? [this.#read(operation)] : [],
    );
  }

  #read(operation: Operation): Read {
    const elements = new Set(elementsOf(operation).map(text));
    let after = operation.called;
    for (const element of elements) {
      after = Math.max(after, this.#adds.get(element)?.called ?? after);
    }
    return { operation, elements, after };
  }

  run(): Findings {
    const doubts: string[] = [];
    if (this.#twin !== undefined) doubts.push(`${this.#twin} is added more than once`);
    else {
      for (const read of this.#reads) this.#checkElements(read);
      this.#checkPresence();
      this.#checkOrder();
    }
    if (this.#reads.length === 0) doubts.push("no read succeeded");
    return { anomalies: this.#anomalies, transactionCount: this.#operations.length, doubts };
  }

  #checkElements({ operation, elements }: Read): void {
    if (elements.size < elementsOf(operation).length) {
      this.#report("duplicate-elements", [[operation, "an element is in it twice"]]);
    }
    for (const element of elements) {
      const add = this.#adds.get(element);
      if (add !== undefined && add.called < operation.returned) continue;
      if (this.#failed.has(element)) {
        this.#report("G1a", [[operation, `${element} is in it, though adding it failed`]], element);
      } else {
        this.#report(
          "phantom-value",
          [[operation, `${element} is in it, which nobody had added`]],
          element,
        );
      }
    }
  }

  /** From when on each element must be there: its add has returned, or a read saw it. */
  #checkPresence(): void {
    const inOrder = this.#reads.toSorted(
      (left, right) => left.operation.returned - right.operation.returned,
    );
    for (const [element, add] of this.#adds) {
      const sighting = inOrder.find(({ elements }) => elements.has(element))?.operation;
      const isFirst = sighting === undefined || add.returned <= sighting.returned;
      const witness = isFirst ? add : sighting;
      const first = this.#reads.find(
        ({ after, elements }) => witness.returned < after && !elements.has(element),
      );
      if (first === undefined) continue;
      const later = this.#reads.filter(({ operation }) => witness.returned < operation.called);
      const isLost = later.length > 0 && later.every(({ elements }) => !elements.has(element));
      const steps: Steps = [
        [
          first.operation,
          `${element} is not in it, and ${late(first)} when the other had returned`,
        ],
        [witness, witness === add ? `it added ${element}` : `${element} was in it`],
      ];
      this.#report(isLost ? "lost-element" : "G-single-realtime", steps, element);
    }
  }

  /** Of two reads one contains the other, or two writers are seen in opposite orders. */
  #checkOrder(): void {
    const bySize = this.#reads.toSorted((left, right) => left.elements.size - right.elements.size);
    for (const [at, larger] of bySize.entries()) {
      const smaller = bySize[at - 1];
      if (smaller === undefined) continue;
      const only = [...smaller.elements].find((element) => !larger.elements.has(element));
      const other = [...larger.elements].find((element) => !smaller.elements.has(element));
      if (only === undefined || other === undefined) continue;
      this.#report("long-fork", [
        [smaller.operation, `${only} is in it and ${other} is not`],
        [larger.operation, `${other} is in it and ${only} is not`],
      ]);
    }
  }

  #report(name: AnomalyName, parts: Steps, element?: string): void {
    const fact: Fact =
      element === undefined ? { kind: "said" } : { kind: "read", key: "set", value: element };
    const steps = parts.map(([operation, because]) => ({
      operation: shortened(describeOperationOf(operation)),
      because,
      index: operation.index,
      fact,
    }));
    const also = name === "G-single-realtime" ? { also: "stale read" } : {};
    this.#anomalies.push({ name, ...also, steps });
  }
}

type Steps = readonly (readonly [Operation, string])[];

function late({ operation, after }: Read): string {
  return after === operation.called ? "it began" : "the add of another that is in it began";
}

/** The empty set may be read as nil; whatever else is no list is an element that nobody added. */
function elementsOf({ output }: Operation): readonly Json[] {
  if (output === null || output === undefined) return [];
  return isArray(output) ? output : [output];
}

function shortened(words: string): string {
  return words.length <= 120 ? words : `${words.slice(0, 117)}...`;
}

function text(value: Json): string {
  return JSON.stringify(value);
}
