/** The objects whose histories can be checked, each as a function from state to state. */

import { isArray, type Json } from "./json.ts";
import type { Model } from "./model.ts";
import type { Operation } from "./operation-history.ts";

const NIL = "null";

/** A value that is read, written, and in the second model replaced if it is what was expected. */
export function registerModel(initial: Json = null): Model {
  return {
    name: "register",
    initial: text(initial),
    operations: ["read", "write"],
    partitions: true,
    step: stepRegister,
    isRead: ({ name }) => name === "read",
    isUnneeded: isUnreadWrite,
  };
}

/** A register that can also be compared and set. */
export function casRegisterModel(initial: Json = null): Model {
  return { ...registerModel(initial), name: "cas-register", operations: ["read", "write", "cas"] };
}

function stepRegister(state: string, { name, input, output }: Operation): string | undefined {
  switch (name) {
    case "read":
      return output === undefined || text(output) === state ? state : undefined;
    case "write":
      return text(input);
    default: {
      const [from, to] = pair(input);
      const matches = from === state;
      // Where nobody knows whether it was refused, it does what it must.
      if (output === undefined) return matches ? to : state;
      if (matches !== (output !== false)) return undefined;
      return matches ? to : state;
    }
  }
}

/** A write of a value that nobody read or expected can be left out: no other needs it. */
function isUnreadWrite(operation: Operation, others: readonly Operation[]): boolean {
  const written = operation.name === "write" ? text(operation.input) : pair(operation.input)[1];
  return !others.some(({ name, input, output }) => {
    if (name === "read") return output !== undefined && text(output) === written;
    return name === "cas" && (pair(input)[0] === written || output === false);
  });
}

/** A number that is added to and read. */
export function counterModel(initial = 0): Model {
  return {
    name: "counter",
    initial: String(initial),
    operations: ["add", "increment", "decrement", "read"],
    partitions: true,
    step: (state, { name, input, output }) => {
      if (name === "read")
        return output === undefined || text(output) === state ? state : undefined;
      const by = name === "decrement" ? -amount(input) : amount(input);
      const next = String(Number(state) + by);
      // What is added comes back from some as it was given, and from others the sum does.
      const isSum = typeof output === "number" && text(output) !== text(input);
      return isSum && text(output) !== next ? undefined : next;
    },
    isRead: ({ name }) => name === "read",
    isUnneeded: () => false,
  };
}

/** A set that elements are added to and removed from; it is read whole, or asked for one. */
export function setModel(): Model {
  return {
    name: "mutable-set",
    initial: "[]",
    operations: ["add", "remove", "read", "contains"],
    partitions: true,
    step: stepSet,
    isRead: ({ name }) => name === "read" || name === "contains",
    isUnneeded: () => false,
  };
}

function stepSet(state: string, { name, input, output }: Operation): string | undefined {
  const members = new Set(parsedTexts(state));
  switch (name) {
    case "read":
      return output === undefined || sortedTexts(texts(output)) === state ? state : undefined;
    case "contains":
      return output === undefined || members.has(text(input)) === output ? state : undefined;
    case "add":
      return sortedTexts([...members, text(input)]);
    default:
      members.delete(text(input));
      return sortedTexts([...members]);
  }
}

/** First in, first out. A dequeue of nothing finds the queue empty. */
export function queueModel(): Model {
  return {
    name: "queue",
    initial: "[]",
    operations: ["enqueue", "dequeue"],
    partitions: true,
    step: (state, { name, input, output }) => {
      const waiting = parsedTexts(state);
      if (name === "enqueue") return JSON.stringify([...waiting, text(input)]);
      const [first, ...rest] = waiting;
      if (output === undefined) return first === undefined ? state : JSON.stringify(rest);
      if ((first ?? NIL) !== text(output)) return undefined;
      return first === undefined ? state : JSON.stringify(rest);
    },
    isRead: () => false,
    isUnneeded: () => false,
  };
}

/** A lock: who acquires it holds it until the same process releases it. */
export function lockModel(): Model {
  return {
    name: "lock",
    initial: "",
    operations: ["acquire", "release"],
    partitions: true,
    step: (state, { name, process, output }) => {
      const succeeds = name === "acquire" ? state === "" : state === process;
      if (output === false) return succeeds ? undefined : state;
      if (output === undefined && !succeeds) return state;
      if (!succeeds) return undefined;
      return name === "acquire" ? process : "";
    },
    isRead: () => false,
    isUnneeded: () => false,
  };
}

/** One string for each key, that is put, appended to and got; absent is the empty string. */
export function keyValueModel(): Model {
  return {
    name: "kv",
    initial: "",
    operations: ["put", "append", "get"],
    partitions: true,
    step: (state, { name, input, output }) => {
      if (name === "put") return plain(input);
      if (name === "append") return state + plain(input);
      return output === undefined || plain(output) === state ? state : undefined;
    },
    isRead: ({ name }) => name === "get",
    isUnneeded: () => false,
  };
}

/** The models by name, each with what it holds at first. */
export const models: Readonly<Record<string, (initial: Json) => Model>> = {
  register: registerModel,
  "cas-register": casRegisterModel,
  counter: (initial) => counterModel(typeof initial === "number" ? initial : 0),
  "mutable-set": setModel,
  queue: queueModel,
  lock: lockModel,
  kv: keyValueModel,
};

function text(value: Json): string {
  return JSON.stringify(value);
}

function plain(value: Json): string {
  if (value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function pair(value: Json): readonly [string, string] {
  const [from = null, to = null] = isArray(value) ? value : [];
  return [text(from), text(to)];
}

function amount(value: Json): number {
  return typeof value === "number" ? value : 1;
}

function texts(value: Json): readonly string[] {
  return isArray(value) ? value.map(text) : [];
}

function sortedTexts(members: readonly string[]): string {
  return JSON.stringify([...new Set(members)].toSorted());
}

function parsedTexts(state: string): readonly string[] {
  return JSON.parse(state) as string[];
}
