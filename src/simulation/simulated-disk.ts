/**
 * The disk of a simulated machine: directories, names and files, each as the running machine sees
 * it and as it would be found after a loss of power.
 *
 * A change of names is atomic, and becomes durable by a sync of a directory that it touches. Of
 * those that are not, a loss of power keeps either a first part, in their order, or any.
 */

import { assert } from "../base/assert.ts";
import type { SeededRandom } from "../base/random.ts";
import { FaultPlan } from "../volume/fault-plan.ts";
import { SimulatedInode } from "./simulated-inode.ts";

export type DiskNode = SimulatedInode | SimulatedDirectory;

export class SimulatedDirectory {
  readonly names: Map<string, DiskNode> = new Map();
  readonly durableNames: Map<string, DiskNode> = new Map();
}

/** A name given to something, or, with undefined, taken away. */
export interface NameChange {
  readonly directory: SimulatedDirectory;
  readonly name: string;
  readonly node: DiskNode | undefined;
}

export class SimulatedDisk {
  /** What goes wrong with the operations on its files. */
  readonly plan: FaultPlan = new FaultPlan();
  /** The files may have that many bytes in all. */
  capacityBytes: number = Number.POSITIVE_INFINITY;
  readonly #root = new SimulatedDirectory();
  #unsynced: (readonly NameChange[])[] = [];

  /** What the path leads to. */
  find(path: string): DiskNode | undefined {
    let node: DiskNode | undefined = this.#root;
    for (const name of partsOf(path)) {
      if (!(node instanceof SimulatedDirectory)) return undefined;
      node = node.names.get(name);
    }
    return node;
  }

  /** The directory that would hold the path, and its name there. */
  parentOf(path: string): { directory: SimulatedDirectory; name: string } | undefined {
    const parts = partsOf(path);
    const name = parts.at(-1);
    const directory = this.find(parts.slice(0, -1).join("/"));
    if (name === undefined || !(directory instanceof SimulatedDirectory)) return undefined;
    return { directory, name };
  }

  /** Changes names, in one step. */
  change(changes: readonly NameChange[]): void {
    for (const { directory, name, node } of changes) set(directory.names, name, node);
    this.#unsynced.push(changes);
  }

  syncDirectory(directory: SimulatedDirectory): void {
    const touches = (changes: readonly NameChange[]): boolean =>
      changes.some((change) => change.directory === directory);
    for (const changes of this.#unsynced.filter(touches)) makeDurable(changes);
    this.#unsynced = this.#unsynced.filter((changes) => !touches(changes));
  }

  /** The bytes of all files that have names. */
  usedBytes(): number {
    const inodes = new Set<SimulatedInode>();
    visit(this.#root, (inode) => inodes.add(inode));
    return [...inodes].reduce((sum, inode) => sum + inode.sizeBytes, 0);
  }

  /** The file of that path, which must exist. */
  inode(path: string): SimulatedInode {
    const node = this.find(path);
    assert(node instanceof SimulatedInode, `"${path}" is a file`);
    return node;
  }

  losePower(random: SeededRandom): void {
    const inOrder = random.chance(50);
    const keptCount = random.below(this.#unsynced.length + 1);
    this.#unsynced.forEach((changes, index) => {
      if (inOrder ? index < keptCount : random.chance(50)) makeDurable(changes);
    });
    this.#unsynced = [];
    restore(this.#root);
    const inodes = new Set<SimulatedInode>();
    visit(this.#root, (inode) => inodes.add(inode));
    for (const inode of inodes) inode.losePower(random);
  }
}

function makeDurable(changes: readonly NameChange[]): void {
  for (const { directory, name, node } of changes) set(directory.durableNames, name, node);
}

/** Makes the names of the directory, and of all in it, those on the medium. */
function restore(directory: SimulatedDirectory): void {
  directory.names.clear();
  for (const [name, node] of directory.durableNames) {
    directory.names.set(name, node);
    if (node instanceof SimulatedDirectory) restore(node);
  }
}

/** Calls `seen` for each file, in an order that depends on the names alone. */
function visit(directory: SimulatedDirectory, seen: (inode: SimulatedInode) => void): void {
  for (const name of [...directory.names.keys()].toSorted()) {
    const node = directory.names.get(name);
    if (node instanceof SimulatedDirectory) visit(node, seen);
    else if (node !== undefined) seen(node);
  }
}

function set(names: Map<string, DiskNode>, name: string, node: DiskNode | undefined): void {
  if (node === undefined) names.delete(name);
  else names.set(name, node);
}

function partsOf(path: string): readonly string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}
