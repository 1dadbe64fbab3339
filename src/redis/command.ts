/**
 * What a command is: what clients may know of it, and what it does. A command of kind
 *
 *  - `store` is a body: it runs in a transaction, perhaps more than once, and must look whether it
 *    can be done before it writes;
 *  - `local` touches only its connection and the door, and may run within a transaction too;
 *  - `control` changes how the connection runs commands, and is the session's own business.
 *
 * A command answers by writing exactly one reply.
 */

import type { ReplyWriter } from "../resp/reply-writer.ts";
import type { Request } from "../resp/request.ts";
import type { Step } from "../transactions/step.ts";
import type { Client } from "./client.ts";
import type { Door } from "./door.ts";
import type { Keyspace } from "./keyspace.ts";

/** One execution of a command, as the command sees it. */
export interface Call {
  readonly request: Request;
  readonly reply: ReplyWriter;
  readonly keys: Keyspace;
  readonly client: Client;
  readonly door: Door;
}

export type Control =
  | "multi"
  | "exec"
  | "discard"
  | "watch"
  | "unwatch"
  | "begin"
  | "commit"
  | "rollback"
  | "quit"
  | "reset";

export type Group = "connection" | "generic" | "server" | "string" | "transactions";

/** Where the keys are among the arguments; `last` counts from the end if negative. */
export interface KeyPositions {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

export interface CommandFacts {
  /** In lower case; a subcommand's begins with its container's: `client|id`. */
  readonly name: string;
  /** How many arguments it takes, its name included; at least so many if negative. */
  readonly arity: number;
  /** As COMMAND INFO shows them, with blanks between. */
  readonly flags: string;
  readonly keys?: KeyPositions;
  /** It changes which database a logical database is. */
  readonly remaps?: true;
  readonly group: Group;
  readonly since: string;
  readonly summary: string;
  /** In which way it is not as in Redis. */
  readonly differs?: string;
}

export type CommandAction =
  | { readonly kind: "store"; readonly run: (step: Step, call: Call) => void }
  | { readonly kind: "local"; readonly run: (call: Call) => void }
  | { readonly kind: "control"; readonly control: Control }
  | {
      readonly kind: "container";
      readonly subcommands: readonly CommandSpec[];
      /** What it does without a subcommand, if it may be given alone. */
      readonly alone?: (call: Call) => void;
    };

export type CommandSpec = CommandFacts & CommandAction;

export const STORE = 0;
export const LOCAL = 1;
export const CONTROL = 2;
export const CONTAINER = 3;
const KINDS = { store: STORE, local: LOCAL, control: CONTROL, container: CONTAINER } as const;

/** A command made ready to be run: one shape for all, so that running one is the same code. */
export class Command {
  readonly facts: CommandFacts;
  readonly action: CommandAction;
  readonly kind: 0 | 1 | 2 | 3;
  readonly flags: ReadonlySet<string>;
  readonly argumentsMin: number;
  readonly argumentsMax: number;
  readonly writes: boolean;
  readonly remaps: boolean;
  /** Whether it may be given before the client has said who it is. */
  readonly open: boolean;
  readonly runInStep: (step: Step, call: Call) => void;
  readonly runLocally: (call: Call) => void;
  callCount = 0;

  constructor(spec: CommandSpec) {
    this.facts = spec;
    this.action = spec;
    this.kind = KINDS[spec.kind];
    this.flags = new Set(spec.flags.split(" ").filter((flag) => flag !== ""));
    this.argumentsMin = Math.abs(spec.arity);
    this.argumentsMax = spec.arity < 0 ? Number.POSITIVE_INFINITY : spec.arity;
    this.writes = this.flags.has("write");
    this.remaps = spec.remaps === true;
    this.open = this.flags.has("no_auth");
    const runLocally = localAction(spec);
    this.runLocally = runLocally;
    this.runInStep = spec.kind === "store" ? this.#inStep(spec.run) : (_, call) => runLocally(call);
  }

  get name(): string {
    return this.facts.name;
  }

  /** One of many keys tells of them first. */
  #inStep(run: (step: Step, call: Call) => void): (step: Step, call: Call) => void {
    const { keys } = this.facts;
    if (keys === undefined || keys.first === keys.last) return run;
    return (step, call) => {
      step.willFind(this.#rows(call));
      run(step, call);
      // Another may follow within the same body, with a request of its own.
      step.willFind([]);
    };
  }

  *#rows({ keys, request }: Call): Generator<Uint8Array> {
    for (const index of this.keyIndexes(request.count)) yield keys.rowOf(request, index);
  }

  /** The length of the longest key of the request. */
  longestKey(request: Request): number {
    let longest = 0;
    for (const index of this.keyIndexes(request.count)) {
      longest = Math.max(longest, request.length[index] ?? 0);
    }
    return longest;
  }

  /** The positions of the keys in a request of `count` arguments. */
  keyIndexes(count: number): readonly number[] {
    const { keys } = this.facts;
    if (keys === undefined) return [];
    const last = keys.last < 0 ? count + keys.last : keys.last;
    const indexes: number[] = [];
    for (let index = keys.first; index <= last; index += keys.step) indexes.push(index);
    return indexes;
  }
}

function localAction(spec: CommandSpec): (call: Call) => void {
  if (spec.kind === "local") return spec.run;
  return (spec.kind === "container" ? spec.alone : undefined) ?? answerOk;
}

/** UNWATCH is the one control that MULTI queues: by the time it runs there is nothing to do. */
function answerOk({ reply }: Call): void {
  reply.ok();
}
