/** Finds a command by the bytes of its name, in any case of letters, without making a string. */

import { assert } from "../base/assert.ts";
import { Command, type CommandSpec } from "./command.ts";

/** Slots for each command, so that few of them share one. */
const SLOTS_PER_COMMAND = 8;

export class CommandTable {
  readonly all: readonly Command[];
  readonly #slots: (Command | undefined)[];
  readonly #mask: number;
  readonly #byName: ReadonlyMap<string, Command>;
  readonly #subtables = new Map<Command, CommandTable>();

  constructor(specs: readonly CommandSpec[]) {
    this.all = specs.map((spec) => new Command(spec));
    this.#byName = new Map(this.all.map((command) => [ownName(command), command]));
    assert(this.#byName.size === specs.length, "no two commands have one name");
    const slotCount = 2 ** Math.ceil(Math.log2(specs.length * SLOTS_PER_COMMAND));
    this.#mask = slotCount - 1;
    this.#slots = Array.from({ length: slotCount });
    for (const command of this.all) {
      this.#slots[this.#freeSlot(ownName(command))] = command;
      if (command.action.kind === "container") {
        this.#subtables.set(command, new CommandTable(command.action.subcommands));
      }
    }
  }

  /** The command whose name is `bytes[at, at + length)`. */
  find(bytes: Uint8Array, at: number, length: number): Command | undefined {
    let slot = hashName(bytes, at, length) & this.#mask;
    for (;;) {
      const command = this.#slots[slot];
      if (command === undefined || hasName(command, bytes, at, length)) return command;
      slot = (slot + 1) & this.#mask;
    }
  }

  /** The command of this name; a subcommand's is `client|id`. */
  named(name: string): Command | undefined {
    const [own = "", sub] = name.toLowerCase().split("|");
    const command = this.#byName.get(own);
    if (sub === undefined || command === undefined) return command;
    return this.subcommands(command)?.named(sub);
  }

  /** Every command, each container followed by what is in it. */
  *everything(): Generator<Command> {
    for (const command of this.all) {
      yield command;
      const table = this.#subtables.get(command);
      if (table !== undefined) yield* table.everything();
    }
  }

  /** The commands within a container. */
  subcommands(container: Command): CommandTable | undefined {
    return this.#subtables.get(container);
  }

  #freeSlot(name: string): number {
    const bytes = Uint8Array.from(name, (character) => character.charCodeAt(0));
    let slot = hashName(bytes, 0, bytes.length) & this.#mask;
    while (this.#slots[slot] !== undefined) slot = (slot + 1) & this.#mask;
    return slot;
  }
}

function ownName(command: Command): string {
  return command.name.slice(command.name.indexOf("|") + 1);
}

/** The same for a letter and its capital; names have no other characters that could be confused. */
function hashName(bytes: Uint8Array, at: number, length: number): number {
  let hash = length;
  for (let index = at; index < at + length; index++) {
    hash = Math.imul(hash, 31) + ((bytes[index] as number) | 0x20);
  }
  return (hash ^ (hash >>> 9)) >>> 0;
}

function hasName(command: Command, bytes: Uint8Array, at: number, length: number): boolean {
  const { name } = command;
  const skipped = name.length - length;
  // A subcommand is named without its container.
  if (skipped !== 0 && (skipped < 0 || name.charCodeAt(skipped - 1) !== 0x7c)) return false;
  for (let index = 0; index < length; index++) {
    const byte = bytes[at + index] as number;
    const small = 0x41 <= byte && byte <= 0x5a ? byte + 0x20 : byte;
    if (small !== name.charCodeAt(skipped + index)) return false;
  }
  return true;
}
