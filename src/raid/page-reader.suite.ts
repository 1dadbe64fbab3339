/**
 * Reads what lies on the members of an array by what docs/formats/raid.md says, and by nothing
 * else: it takes nothing from the rest of this folder, so that the page is held against the code.
 * The array must be whole and have been closed.
 */

import assert from "node:assert/strict";
import { plainChecksums } from "../base/checksums.ts";

const checksums = plainChecksums();

interface Superblock {
  readonly bytes: DataView;
  readonly memberId: string;
  readonly sequence: bigint;
}

/** The content of the array; throws at the first checksum, digest or parity that does not fit. */
export function readByThePage(members: readonly Uint8Array[]): Uint8Array {
  return new PageReader(members).content();
}

class PageReader {
  readonly #members: readonly Uint8Array[];
  readonly #level: number;
  readonly #layout: number;
  readonly #blockBytes: number;
  readonly #chunkBlocks: number;
  readonly #rows: number;
  readonly #sizeBytes: number;
  readonly #unit: number;
  readonly #copies: number;
  readonly #groupTableBlocks: number;
  readonly #groupsAt: number;
  readonly #tables: readonly (readonly (DataView | undefined)[])[];

  constructor(unordered: readonly Uint8Array[]) {
    const found = unordered.map(superblockOf);
    const newest = found.reduce((best, one) => (best.sequence < one.sequence ? one : best)).bytes;
    const count = newest.getUint32(76, true);
    this.#members = Array.from({ length: count }, (_, role) => {
      const id = hex(newest, 512 + 64 * role);
      const index = found.findIndex(({ memberId }) => memberId === id);
      return unordered[index] ?? new Uint8Array();
    });
    this.#level = newest.getUint16(72, true);
    this.#layout = newest.getUint16(74, true);
    this.#blockBytes = newest.getUint32(80, true);
    this.#chunkBlocks = newest.getUint32(84, true);
    this.#groupTableBlocks = newest.getUint32(96, true);
    this.#rows = Number(newest.getBigUint64(104, true));
    this.#sizeBytes = Number(newest.getBigUint64(112, true));
    this.#unit = Math.max(512, this.#blockBytes);
    this.#copies = [1, 1, 0, 0, 2, 2, 3][this.#level] ?? 0;
    const journalBytes = Number(newest.getBigUint64(88, true));
    this.#groupsAt = Math.ceil((8192 + journalBytes) / 4096) * 4096;
    this.#tables = this.#findTables(newest);
    assert.equal(newest.getUint16(70, true), 1, "it was closed");
  }

  content(): Uint8Array {
    const bytes = new Uint8Array(this.#sizeBytes);
    for (let row = 0; row < this.#rows; row++) {
      const stripe = Math.floor(row / this.#chunkBlocks);
      const { p, q, data } = this.#slotsOf(stripe);
      const blocks = data.map((slot) => this.#block(slot, row));
      for (const [index, block] of blocks.entries()) {
        const chunk = stripe * data.length + index;
        const at = (chunk * this.#chunkBlocks + (row % this.#chunkBlocks)) * this.#blockBytes;
        bytes.set(block.subarray(0, Math.max(0, this.#sizeBytes - at)), Math.min(at, bytes.length));
      }
      if (p !== undefined) assert.deepEqual(this.#block(p, row), sum(blocks, 1), `P of ${row}`);
      if (q !== undefined) assert.deepEqual(this.#block(q, row), sum(blocks, 2), `Q of ${row}`);
    }
    return bytes;
  }

  #slotsOf(stripe: number): { readonly p?: number; readonly q?: number; data: readonly number[] } {
    const count = this.#members.length;
    const all = Array.from({ length: count }, (_, slot) => slot);
    if (this.#level === 0) return { data: all };
    if (this.#level === 1) return { data: [0] };
    if (this.#level === 4) return { p: count - 1, data: all.slice(0, -1) };
    const isLeft = this.#layout % 2 === 0;
    const p = isLeft ? count - 1 - (stripe % count) : stripe % count;
    const parities = this.#level === 6 ? [p, (p + 1) % count] : [p];
    const isSymmetric = 2 <= this.#layout;
    const data = isSymmetric
      ? all.slice(parities.length).map((index) => (p + index) % count)
      : all.filter((slot) => !parities.includes(slot));
    return this.#level === 6 ? { p, q: (p + 1) % count, data } : { p, data };
  }

  #block(slot: number, row: number): Uint8Array {
    const tableRows = (this.#unit - 32) / 8;
    const at = 32 + 8 * (row % tableRows);
    const table = this.#tables[slot]?.[Math.floor(row / tableRows)];
    if (table === undefined || table.getUint32(at + 4, true) === 0) {
      return new Uint8Array(this.#blockBytes);
    }
    const groupRows = tableRows * this.#groupTableBlocks;
    const inGroup = this.#groupTables() + (row % groupRows) * this.#blockBytes;
    const from = this.#groupAt(Math.floor(row / groupRows)) + inGroup;
    const holders = this.#level === 1 ? this.#members : [this.#members[slot] ?? new Uint8Array()];
    const blocks = holders.map((member) => member.slice(from, from + this.#blockBytes));
    for (const block of blocks) {
      assert.equal(
        checksums.crc32(block, 0),
        table.getUint32(at, true),
        `slot ${slot}, row ${row}`,
      );
    }
    return blocks[0] ?? new Uint8Array();
  }

  #findTables(newest: DataView): readonly (readonly (DataView | undefined)[])[] {
    const digest = [newest.getUint32(160, true), newest.getUint32(164, true)];
    const tableRows = (this.#unit - 32) / 8;
    const slots = this.#level === 1 ? 1 : this.#members.length;
    const tables = Array.from({ length: slots }, (_, slot) =>
      Array.from({ length: Math.ceil(this.#rows / tableRows) }, (__, index) => {
        const table = this.#findTable(newest, slot, index);
        if (table === undefined) return undefined;
        const named = new DataView(new ArrayBuffer(24));
        named.setUint32(0, slot, true);
        named.setUint32(8, index, true);
        named.setBigUint64(16, table.getBigUint64(24, true), true);
        checksums.xxh64(new Uint8Array(named.buffer), 0, 0);
        digest[0] = ((digest[0] ?? 0) ^ checksums.xxh64Low) >>> 0;
        digest[1] = ((digest[1] ?? 0) ^ checksums.xxh64High) >>> 0;
        return table;
      }),
    );
    assert.deepEqual(digest, [0, 0], "the tables are those of the digest");
    return tables;
  }

  /** Of all copies and sides the newest that the superblock knows. */
  #findTable(newest: DataView, slot: number, index: number): DataView | undefined {
    const group = this.#groupAt(Math.floor(index / this.#groupTableBlocks));
    const inGroup = (index % this.#groupTableBlocks) * this.#copies;
    let best: DataView | undefined;
    for (const [role, member] of this.#members.entries()) {
      const copy =
        this.#level === 1 ? 0 : (role - slot + this.#members.length) % this.#members.length;
      if (this.#copies <= copy) continue;
      for (const side of [0, 1]) {
        const at = group + ((inGroup + copy) * 2 + side) * this.#unit;
        const table = viewOf(member.subarray(at, at + this.#unit));
        if (!this.#isTable(table, hexBytes(newest, 32), slot, index)) continue;
        const sequence = table.getBigUint64(24, true);
        if (newest.getBigUint64(152, true) < sequence) continue;
        if (best === undefined || best.getBigUint64(24, true) < sequence) best = table;
      }
    }
    return best;
  }

  #isTable(table: DataView, arrayId: Uint8Array, slot: number, index: number): boolean {
    if (text(table, 0, 4) !== "HfTB" || table.getUint32(8, true) !== slot) return false;
    const bytes = new Uint8Array(table.buffer, table.byteOffset + 8, table.byteLength - 8);
    const crc = checksums.crc32(bytes, checksums.crc32(arrayId, 0));
    return table.getUint32(4, true) === crc && Number(table.getBigUint64(16, true)) === index;
  }

  #groupTables(): number {
    return this.#groupTableBlocks * this.#copies * 2 * this.#unit;
  }

  #groupAt(group: number): number {
    const tableRows = (this.#unit - 32) / 8;
    const rowBytes = tableRows * this.#groupTableBlocks * this.#blockBytes;
    return this.#groupsAt + group * (this.#groupTables() + rowBytes);
  }
}

/** The valid copy with the higher sequence. */
function superblockOf(member: Uint8Array): Superblock {
  const valid = [0, 1].flatMap((copy) => {
    const bytes = viewOf(member.subarray(4096 * copy, 4096 * (copy + 1)));
    assert.equal(text(bytes, 0, 8), "HfstRAID");
    checksums.xxh64(member.subarray(4096 * copy + 16, 4096 * (copy + 1)), copy, 0);
    assert.equal(bytes.getUint32(8, true), checksums.xxh64Low);
    assert.equal(bytes.getUint32(12, true), checksums.xxh64High);
    assert.deepEqual([bytes.getUint16(16, true), bytes.getUint32(20, true)], [2, copy]);
    return [{ bytes, memberId: hex(bytes, 48), sequence: bytes.getBigUint64(24, true) }];
  });
  return valid.reduce((best, one) => (best.sequence < one.sequence ? one : best));
}

/** The sum of all blocks, each times a power of `base`, in the field of the polynomial 0x11d. */
function sum(blocks: readonly Uint8Array[], base: 1 | 2): Uint8Array {
  const total = new Uint8Array(blocks[0]?.length ?? 0);
  for (const block of blocks.toReversed()) {
    for (const [at, byte] of block.entries()) {
      const before = total[at] ?? 0;
      const doubled = (before << 1) ^ (before < 128 ? 0 : 0x11d);
      total[at] = (base === 1 ? before : doubled) ^ byte;
    }
  }
  return total;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function hexBytes(bytes: DataView, at: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + at, 16);
}

function hex(bytes: DataView, at: number): string {
  return hexBytes(bytes, at).join(" ");
}

function text(bytes: DataView, at: number, length: number): string {
  return String.fromCodePoint(...new Uint8Array(bytes.buffer, bytes.byteOffset + at, length));
}
