/** Edges of a graph in the order in which they were found, in arrays that grow. */

export class EdgeList {
  #from = new Int32Array(1024);
  #to = new Int32Array(1024);
  #relation = new Uint8Array(1024);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get from(): Int32Array {
    return this.#from;
  }

  get to(): Int32Array {
    return this.#to;
  }

  get relation(): Uint8Array {
    return this.#relation;
  }

  /** Nothing precedes itself, so an edge from a node to itself is left out. */
  add(from: number, to: number, relation: number): void {
    if (from === to) return;
    if (this.#count === this.#from.length) this.#grow();
    this.#from[this.#count] = from;
    this.#to[this.#count] = to;
    this.#relation[this.#count] = relation;
    this.#count++;
  }

  #grow(): void {
    const room = this.#count * 2;
    this.#from = copied(new Int32Array(room), this.#from);
    this.#to = copied(new Int32Array(room), this.#to);
    this.#relation = copied(new Uint8Array(room), this.#relation);
  }
}

function copied<Numbers extends Int32Array | Uint8Array>(
  target: Numbers,
  source: Numbers,
): Numbers {
  target.set(source);
  return target;
}
