/** Who belongs to an array: adding, removing and replacing members by command. */

import { equalBytes } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import type { Volume } from "../volume/volume.ts";
import type { ArrayParts } from "./array-parts.ts";
import { wentOnAfterReplaced } from "./assembly.ts";
import { newId, prepareGroups } from "./format-members.ts";
import { Member } from "./member.ts";
import { beginReshape, requireGrowable } from "./reshape.ts";
import { readSuperblock, shortageOf } from "./read-superblock.ts";
import { idText, type MemberSuperblock, type RoleRecord } from "./superblock.ts";

/** What became of a volume that was added. */
export type Added =
  /** It is brought up to date, from where it left. */
  | { readonly kind: "re-added"; readonly role: number }
  /** It takes the place of one that is missing. */
  | { readonly kind: "rebuilding"; readonly role: number }
  | { readonly kind: "spare" };

/** What a volume says that it is in the array. */
export type MemberClaim =
  | "none"
  /** It is in use. */
  | "seated"
  /** It has a role, from which it is missing. */
  | "missing"
  /** It was written to after it left, without those that are here. */
  | "alone"
  /** Its role is another's. */
  | "former";

export class Membership {
  readonly #parts: ArrayParts;
  /** One change at a time. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: ArrayParts) {
    this.#parts = parts;
  }

  async add(volume: Volume): Promise<Added> {
    return await this.alone(async () => {
      const superblock = await this.#superblockOf(volume);
      if (superblock !== undefined) this.#refuseAlone(superblock, volume);
      const returned = superblock === undefined ? undefined : this.#returnedRole(superblock);
      if (superblock !== undefined && returned !== undefined) {
        return await this.#addAgain(volume, superblock, returned);
      }
      return await this.#addNew(volume);
    });
  }

  /** Takes a spare or a replacement out; others have to fail first. */
  async remove(name: string): Promise<Volume> {
    return await this.alone(async () => {
      const { members } = this.#parts;
      const index = members.spares.findIndex((spare) => spare.name === name);
      const spare = members.spares[index];
      if (spare !== undefined) {
        members.spares.splice(index, 1);
        spare.isOut = true;
        await wipe(spare.volume);
        return spare.volume;
      }
      const role = members.seats.findIndex(({ replacement }) => replacement?.name === name);
      const seat = members.seats[role];
      if (seat?.replacement === undefined) throw this.#notRemovable(name);
      const { replacement } = seat;
      seat.replacement = undefined;
      replacement.isOut = true;
      members.changeRole(role, { replacement: undefined });
      await members.save();
      return replacement.volume;
    });
  }

  /** Has the volume take over from the member of the role, which serves until then. */
  async replace(role: number, volume: Volume): Promise<void> {
    await this.alone(async () => {
      const { members } = this.#parts;
      const seat = members.seat(role);
      if (members.active(role) === undefined || seat.replacement !== undefined) {
        const message =
          `Role ${role} cannot be replaced: its member is missing, being rebuilt or being ` +
          "replaced already. Add the volume instead";
        throw new Fault("ERR_ARGUMENT", message, { role });
      }
      const superblock = await this.#superblockOf(volume);
      if (superblock !== undefined) this.#refuseSeated(superblock, volume);
      const replacement = await this.#prepare(volume, newId(this.#parts.core.world));
      seat.replacement = replacement;
      members.changeRole(role, { replacement: { memberId: replacement.id, position: 0 } });
      await this.#raiseEvent();
    });
  }

  /** Puts a spare in the place of a missing member; false if there is nothing to be done. */
  async takeSpare(): Promise<boolean> {
    return await this.alone(async () => {
      const { members } = this.#parts;
      const role = this.#missingRole();
      const [spare] = members.spares;
      if (role === undefined || spare === undefined) return false;
      try {
        // It may be from before the array grew.
        await this.#prepare(spare.volume, spare.id);
      } catch (error) {
        members.lose(spare, error);
        return true;
      }
      // It may have failed meanwhile, and is no spare any more then.
      if (spare.isOut) return true;
      members.spares.shift();
      await this.#seat(role, spare, 0);
      return true;
    });
  }

  /** Makes the array larger by a member. */
  async growBy(volume: Volume): Promise<void> {
    await this.alone(async () => {
      const superblock = await this.#superblockOf(volume);
      if (superblock !== undefined) this.#refuseSeated(superblock, volume);
      requireGrowable(this.#parts);
      const member = await this.#prepare(volume, newId(this.#parts.core.world));
      await beginReshape(this.#parts, member);
    });
  }

  async claimOf(volume: Volume): Promise<MemberClaim> {
    const superblock = await this.#superblockOf(volume);
    if (superblock === undefined) return "none";
    if (this.#isSeated(superblock)) return "seated";
    if (this.#wentOn(superblock)) return "alone";
    return this.#missingRoleOf(superblock) === -1 ? "former" : "missing";
  }

  #wentOn(superblock: MemberSuperblock): boolean {
    const { record } = this.#parts.members;
    const role = record.roles.find((one) => equalBytes(one.memberId, superblock.memberId));
    if (role === undefined) return wentOnAfterReplaced(superblock, record);
    const { leftSequence } = role;
    const isLater = 0 < leftSequence && leftSequence < superblock.array.sequence;
    // One that was about to come back has a later record, too, in which all that are here are.
    const lacksOthers = superblock.array.roles.some(
      ({ state }, index) => state === "missing" && record.roles[index]?.state !== "missing",
    );
    return role.state === "missing" && isLater && lacksOthers;
  }

  #refuseAlone(superblock: MemberSuperblock, volume: Volume): void {
    if (!this.#wentOn(superblock)) return;
    const message =
      `"${volume.name}" went on without the others since it left: what was written to it would ` +
      "be lost. Wipe it, or force it, to have it as a new member";
    throw new Fault("ERR_ARGUMENT", message, { member: volume.name });
  }

  async #addAgain(volume: Volume, superblock: MemberSuperblock, role: number): Promise<Added> {
    const record = this.#parts.members.role(role);
    const { sequence } = superblock.array;
    const isCut = shortageOf(volume, superblock) !== undefined;
    const { leftSequence } = record;
    const isOfThen = leftSequence - 1 <= sequence && sequence <= leftSequence && 0 < leftSequence;
    const asItLeft = isOfThen && !isCut;
    const member = await this.#prepare(volume, superblock.memberId);
    await this.#seat(role, member, asItLeft ? record.leftEvent : 0);
    return { kind: asItLeft ? "re-added" : "rebuilding", role };
  }

  async #addNew(volume: Volume): Promise<Added> {
    const { members } = this.#parts;
    const member = await this.#prepare(volume, newId(this.#parts.core.world));
    const role = this.#missingRole();
    if (role !== undefined) {
      await this.#seat(role, member, 0);
      return { kind: "rebuilding", role };
    }
    members.spares.push(member);
    await members.save();
    return { kind: "spare" };
  }

  async #seat(role: number, member: Member, leftEvent: number): Promise<void> {
    const { members } = this.#parts;
    members.seat(role).member = member;
    const fields: Partial<RoleRecord> = {
      memberId: member.id,
      state: "rebuilding",
      position: 0,
      leftEvent,
      leftSequence: 0,
    };
    members.changeRole(role, fields);
    await this.#raiseEvent();
  }

  async #raiseEvent(): Promise<void> {
    const { members } = this.#parts;
    members.change((record) => ({ ...record, event: record.event + 1 }));
    await members.save();
  }

  async #prepare(volume: Volume, id: Uint8Array): Promise<Member> {
    const { layout } = this.#parts.core;
    const { blockBytes, rows } = this.#parts.members.record;
    if (blockBytes % volume.writeUnitBytes !== 0) {
      const message =
        `"${volume.name}" is written in units of ${volume.writeUnitBytes} bytes, which blocks of ` +
        `${blockBytes} bytes are not whole numbers of: use another volume`;
      throw new Fault("ERR_ARGUMENT", message, { member: volume.name });
    }
    await prepareGroups(volume, layout, 0, rows);
    return new Member(id, volume);
  }

  #missingRole(): number | undefined {
    const role = this.#parts.members.record.roles.findIndex(({ state }) => state === "missing");
    return role === -1 ? undefined : role;
  }

  /** What the volume says of itself as a member of this array, if it was one. */
  async #superblockOf(volume: Volume): Promise<MemberSuperblock | undefined> {
    const { core, members } = this.#parts;
    const found = await readSuperblock(volume, core.world.checksums);
    if (found.kind === "empty" || found.kind === "damaged") return undefined;
    if (found.kind === "valid") {
      const { arrayId } = found.superblock.array;
      if (equalBytes(arrayId, members.record.arrayId)) return found.superblock;
    }
    const whose = found.kind === "valid" ? idText(found.superblock.array.arrayId) : "newer format";
    const message =
      `"${volume.name}" is a member of another array (${whose}): wipe it first, if nothing on it ` +
      "is needed";
    throw new Fault("ERR_ARGUMENT", message, { member: volume.name });
  }

  #returnedRole({ memberId }: MemberSuperblock): number | undefined {
    const { roles } = this.#parts.members.record;
    const role = roles.findIndex((one) => equalBytes(one.memberId, memberId));
    if (role === -1) return undefined;
    if (roles[role]?.state === "missing") return role;
    const message = `The volume is the member of role ${role} already`;
    throw new Fault("ERR_ARGUMENT", message, { role });
  }

  #refuseSeated(superblock: MemberSuperblock, volume: Volume): void {
    if (this.#isSeated(superblock)) {
      const message = `"${volume.name}" is a member of the array already: use another volume`;
      throw new Fault("ERR_ARGUMENT", message, { member: volume.name });
    }
    this.#refuseAlone(superblock, volume);
    const role = this.#missingRoleOf(superblock);
    if (role === -1) return;
    const message =
      `"${volume.name}" is the missing member of role ${role}: add it, so that it catches up. ` +
      "Forced, what is on it is lost";
    throw new Fault("ERR_ARGUMENT", message, { member: volume.name, role });
  }

  #isSeated({ memberId }: MemberSuperblock): boolean {
    return this.#parts.members.all().some(({ id }) => equalBytes(id, memberId));
  }

  #missingRoleOf({ memberId }: MemberSuperblock): number {
    return this.#parts.members.record.roles.findIndex(
      (role) => role.state === "missing" && equalBytes(role.memberId, memberId),
    );
  }

  #notRemovable(name: string): Fault {
    const message =
      `"${name}" cannot be removed: only spares and replacements can, and members that have ` +
      "failed are out already. Fail it first";
    return new Fault("ERR_ARGUMENT", message, { member: name });
  }

  /** Runs while nobody else changes who belongs to the array, or how large it is. */
  async alone<T>(run: () => Promise<T>): Promise<T> {
    const running = this.#last.then(run, run);
    this.#last = running.catch(() => undefined);
    return await running;
  }
}

/** Makes the volume forget that it was a member. */
async function wipe(volume: Volume): Promise<void> {
  await volume.write(0, new Uint8Array(8192));
  await volume.sync();
}
