/**
 * An array on files of this machine, as one process has it: assembled of those that are there, each
 * of them locked, and told what to do by this process or, over the sockets of the locks, by others
 * of the same user.
 *
 * It guarantees that
 *
 *  1. no file is touched that another process has;
 *  2. nothing is overwritten that is not known to be unused, unless that is forced;
 *  3. the array is never told to do without a member that it cannot do without, unless that is
 *     forced.
 */

import { Fault, messageOf } from "../base/fault.ts";
import type { RaidArray } from "../raid/array.ts";
import { IS_BEHIND } from "../raid/assembly.ts";
import { parityCountOf } from "../raid/geometry.ts";
import type { Added, MemberClaim } from "../raid/membership.ts";
import type { ScrubReport } from "../raid/scrubber.ts";
import type { RaidStatus } from "../raid/status.ts";
import type { Volume } from "../volume/volume.ts";
import type { World } from "../world/world.ts";
import type { ArrayEvents } from "./array-events.ts";
import type { ControlDesk, Controller } from "./control-desk.ts";
import type { ControlRequest } from "./control-request.ts";
import type { Disks } from "./disks.ts";
import { type ArrayMeasurements, measuredOf } from "./measured.ts";
import { requireRoom } from "./room.ts";
import { arrayIdOf, forgetMembership, requireUnused } from "./unused.ts";

/** How an array is, with its files by name. */
export interface DiskArrayStatus extends Omit<RaidStatus, "journalUsedBytes"> {
  /** Undefined where nobody has the array, and its superblocks alone were looked at. */
  readonly journalUsedBytes: number | undefined;
  /** Files that were named, or in use before, and are no part of the array now. */
  readonly absent: readonly AbsentDisk[];
  readonly measured: ArrayMeasurements | undefined;
  /** What the last scrub of this process found. */
  readonly lastScrub: ScrubFindings | undefined;
}

/** A file that is no part of the array, and why. */
export interface AbsentDisk {
  readonly path: string;
  readonly reason: string;
}

/** Why a file is out, and which member it says it is, where that matters. */
export interface OutReason {
  readonly reason: string;
  readonly memberId: string | undefined;
}

/** What a scrub found, and on which members. */
export interface ScrubFindings extends ScrubReport {
  /** How many blocks were wrong on which member. */
  readonly members: readonly { readonly name: string; readonly repaired: number }[];
}

export interface DiskArrayParts {
  readonly world: World;
  readonly disks: Disks;
  readonly desk: ControlDesk;
  readonly events: ArrayEvents;
  readonly nameOf: (path: string) => string;
}

const REPLACED = "it was replaced";
/** Who takes another's place by force is no member from before any more. */
const FORCED: readonly MemberClaim[] = ["alone", "missing"];

/** An array of files that this process has open. */
export class DiskArray implements Controller {
  readonly volume: RaidArray;
  readonly #parts: DiskArrayParts;
  /** Why files are no part of the array. */
  readonly #reasons: Map<string, OutReason>;
  /** The file that is about to become part of it. */
  #joining: string | undefined;
  #lastScrub: ScrubFindings | undefined;
  /** One change of members at a time. */
  #last: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(parts: DiskArrayParts, volume: RaidArray, reasons: Map<string, OutReason>) {
    this.volume = volume;
    this.#parts = parts;
    this.#reasons = reasons;
    parts.events.subscribe((name, { member, why }) => {
      if (name !== "raid.member-failed" || typeof member !== "string") return;
      this.#reasons.set(member, { reason: String(why), memberId: undefined });
    });
    parts.desk.open(this);
  }

  status(): DiskArrayStatus {
    const status = this.volume.status();
    return {
      ...status,
      absent: this.#absent(status),
      measured: measuredOf(status.counters),
      lastScrub: this.#lastScrub,
    };
  }

  /** Does what somebody asked for over a socket. */
  async perform(request: ControlRequest): Promise<unknown> {
    switch (request.command) {
      case "status":
        return this.status();
      case "fail":
        return await this.fail(request.path, request.force);
      case "remove":
        return await this.remove(request.path);
      case "add":
        return await this.add(request.path, request.force);
      case "replace":
        return await this.replace(request.path, request.by, request.force);
      case "grow-by":
        return await this.growBy(request.path, request.force);
      case "grow-to":
        return await this.growTo(request.sizeBytes);
      case "wait":
        return await this.volume.settled();
      case "scrub":
        return request.wait ? await this.scrub() : this.beginScrub();
    }
  }

  /** Takes the member out, as if it had failed. */
  async fail(given: string, force = false): Promise<void> {
    const path = this.#parts.nameOf(given);
    const status = this.volume.status();
    const { members, level, health } = status;
    const role = members.find(({ name }) => name === path)?.role;
    if (role === undefined) throw this.#noMember(path);
    const left = members.filter((one) => one.state === "active" && one.role !== role).length;
    const needed = members.length - lossesMaxOf(status);
    if (left < needed && !force && health !== "failed") {
      const message =
        `"${path}" cannot be failed: RAID ${level} needs ${needed} whole members, and without it ` +
        `${left} are left. Forced, the array stops at once, and whoever uses it with it`;
      throw new Fault("ERR_ARGUMENT", message, { path, needed, left });
    }
    await this.volume.fail(role);
  }

  /** Lets a file go: a spare, a replacement, or one that is out already. */
  async remove(given: string): Promise<void> {
    const path = this.#parts.nameOf(given);
    await this.#alone(async () => {
      const { disks } = this.#parts;
      if (disks.has(path) && !this.#isSeated(path)) await this.#forget(path);
      else {
        await this.volume.remove(path);
        await this.#forget(path);
      }
    });
  }

  /** A member that was away catches up, another takes a free place or becomes a spare. */
  async add(path: string, force = false): Promise<Added> {
    const forgets = force ? (["alone"] as const) : [];
    return await this.#join(path, force, forgets, async (volume) => await this.volume.add(volume));
  }

  /** Has a file take over from a member, which serves until then. */
  async replace(given: string, by: string, force = false): Promise<void> {
    const path = this.#parts.nameOf(given);
    const role = this.volume.status().members.find(({ name }) => name === path)?.role;
    if (role === undefined) throw this.#noMember(path);
    await this.#join(by, force, force ? FORCED : [], async (volume) => {
      await this.volume.replace(role, volume);
    });
  }

  /** Makes the array larger by a member. */
  async growBy(path: string, force = false): Promise<void> {
    await this.#join(path, force, force ? FORCED : [], async (volume) => {
      await this.volume.growBy(volume);
    });
  }

  /** Makes each member larger, as far as that is needed. */
  async growTo(sizeBytes: number): Promise<void> {
    if (sizeBytes <= this.volume.sizeBytes) {
      const message = `The array has ${this.volume.sizeBytes} bytes already, and never shrinks`;
      throw new Fault("ERR_ARGUMENT", message, { sizeBytes: this.volume.sizeBytes });
    }
    const { disks, world } = this.#parts;
    const neededBytes = this.volume.memberBytesFor(sizeBytes);
    const growth = seatedNames(this.volume.status()).map(
      (path) => [path, neededBytes - disks.sizeBytesOf(path)] as const,
    );
    await requireRoom(world.files, new Map(growth));
    await this.volume.grow(sizeBytes);
  }

  /** Begins to look at everything that was written. */
  beginScrub(): void {
    this.scrub().catch((error: unknown) => {
      this.#parts.world.trace.event("raid.scrub-failed", { why: messageOf(error) });
    });
  }

  /** Looks at everything that was written; undefined if the array was closed before the end. */
  async scrub(): Promise<ScrubFindings | undefined> {
    const repaired = new Map<string, number>();
    const unsubscribe = this.#parts.events.subscribe((name, { member }) => {
      if (name !== "raid.block-repaired" || typeof member !== "string") return;
      repaired.set(member, (repaired.get(member) ?? 0) + 1);
    });
    try {
      const report = await this.volume.scrub();
      if (report === undefined) return undefined;
      const members = [...repaired].map(([name, count]) => ({ name, repaired: count }));
      this.#lastScrub = { ...report, members };
      return this.#lastScrub;
    } finally {
      unsubscribe();
    }
  }

  /** Puts all in place, if whoever uses the volume has not, and lets go of the files. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    const { desk, disks } = this.#parts;
    try {
      await this.volume.close();
    } finally {
      desk.close();
      await disks.releaseAll();
    }
  }

  /** Opens the file, made if it is missing, and lets go of it again if it is not taken. */
  async #join<T>(
    given: string,
    force: boolean,
    forgets: readonly MemberClaim[],
    join: (volume: Volume) => Promise<T>,
  ): Promise<T> {
    const path = this.#parts.nameOf(given);
    return await this.#alone(async () => {
      const { disks } = this.#parts;
      if (this.#isSeated(path)) {
        const message = `"${path}" belongs to the array already: name another file`;
        throw new Fault("ERR_ARGUMENT", message, { path });
      }
      const wasHeld = disks.has(path);
      await disks.close(path);
      this.#joining = path;
      const isMade = await disks.make(path);
      try {
        const volume = await disks.take(path);
        await this.#requireOurs(volume, force, forgets);
        const neededBytes = this.volume.memberBytesFor(this.volume.sizeBytes);
        const growth = new Map([[path, neededBytes - volume.sizeBytes]]);
        await requireRoom(this.#parts.world.files, growth);
        const joined = await join(volume);
        this.#reasons.delete(path);
        return joined;
      } catch (error) {
        await (wasHeld ? disks.close(path) : disks.release(path));
        // One that came to be for nothing would look like a member that is gone.
        if (isMade) await this.#parts.world.files.remove(path);
        throw error;
      } finally {
        this.#joining = undefined;
      }
    });
  }

  /**
   * A file that was a member of this array before may join again, as another if it is one of those
   * that are to be forgotten; others must hold nothing.
   */
  async #requireOurs(
    volume: Volume,
    force: boolean,
    forgets: readonly MemberClaim[],
  ): Promise<void> {
    const { checksums } = this.#parts.world;
    const isOurs = (await arrayIdOf(volume, checksums)) === this.volume.status().arrayId;
    if (isOurs && !forgets.includes(await this.volume.claimOf(volume))) return;
    if (force) await forgetMembership(volume, checksums);
    else await requireUnused(volume, checksums);
  }

  async #forget(path: string): Promise<void> {
    this.#reasons.delete(path);
    await this.#parts.disks.release(path);
  }

  /** Whether it is a member, about to be one, or a spare. */
  #isSeated(path: string): boolean {
    return namesOf(this.volume.status()).includes(path);
  }

  #absent(status: RaidStatus): readonly AbsentDisk[] {
    const seated = new Set([...namesOf(status), this.#joining]);
    const paths = new Set([...this.#reasons.keys(), ...this.#parts.disks.paths]);
    return [...paths]
      .filter((path) => !seated.has(path))
      .map((path) => ({ path, reason: this.#reasonOf(path, status) }));
  }

  /** One that is behind may come back as long as nobody else has its role. */
  #reasonOf(path: string, { members }: RaidStatus): string {
    const out = this.#reasons.get(path);
    if (out === undefined) return REPLACED;
    const hasRole = members.some(({ memberId }) => memberId === out.memberId);
    return out.reason === IS_BEHIND && !hasRole ? REPLACED : out.reason;
  }

  #noMember(path: string): Fault {
    const out = this.#absent(this.volume.status()).find((one) => one.path === path);
    if (out !== undefined && this.#parts.disks.has(path)) {
      const message = `"${path}" is out of the array already: ${out.reason}`;
      return new Fault("ERR_ARGUMENT", message, { path });
    }
    const names = this.volume.status().members.flatMap(({ name }) => name ?? []);
    const message = `"${path}" is no member of the array: its members are ${quoted(names)}`;
    return new Fault("ERR_ARGUMENT", message, { path, members: names });
  }

  async #alone<T>(run: () => Promise<T>): Promise<T> {
    const running = this.#last.then(run, run);
    this.#last = running.catch(() => undefined);
    return await running;
  }
}

function namesOf(status: RaidStatus): readonly string[] {
  return [...seatedNames(status), ...status.spares];
}

function seatedNames({ members }: RaidStatus): readonly string[] {
  const seated = members.flatMap(({ name, replacement }) => [name, replacement?.name]);
  return seated.filter((name) => name !== undefined);
}

/** How many members an array may do without. */
export function lossesMaxOf({ level, members }: Pick<RaidStatus, "level" | "members">): number {
  return level === 1 ? members.length - 1 : parityCountOf(level);
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}
