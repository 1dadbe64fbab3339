/**
 * The members of an array, the record that is on all of them, and what happens when one fails.
 *
 * It guarantees that
 *
 *  1. a member whose write or sync failed, or took longer than it may, is out at once: nothing more
 *     is asked of it; so is one whose read took longer, unless the level cannot do without it;
 *  2. `settled()` resolves only when the record that says so, with a higher event, is durable on
 *     all members that are left. Whoever is about to answer waits for it;
 *  3. records are written one after the other, each to all members before the next to any;
 *  4. when fewer members are left than the level needs, the array has failed: nothing is written
 *     any more, not even that the last one left, so that the members agree on what was
 *     acknowledged;
 *  5. nothing is put into the target of a read after the read was answered, also if the member
 *     does come to its end later.
 */

import { must } from "../base/assert.ts";
import { Fault, messageOf } from "../base/fault.ts";
import type { Volume } from "../volume/volume.ts";
import { allDone } from "./all-done.ts";
import { Geometry } from "./geometry.ts";
import type { Member, RoleSeat } from "./member.ts";
import { SUPERBLOCK_BYTES } from "./member-layout.ts";
import type { RaidWorld } from "./raid-world.ts";
import { SpareBuffers } from "./spare-buffers.ts";
import { Stall, StallWatch } from "./stall.ts";
import { Usage } from "./usage.ts";
import {
  type ArrayRecord,
  encodeSuperblock,
  idText,
  type RaidCounters,
  type RoleRecord,
  SUPERBLOCK_COPIES,
} from "./superblock.ts";

export interface MembersOptions {
  /** How long an operation of a member may take before the member is out; 0: for ever. */
  readonly stallMs: number;
  /** More reads that had to be put right put a member out; 0: none do. */
  readonly readErrorsMax: number;
  /** A member to which so much was written is synced though nobody waits for it. */
  readonly syncEveryBytes: number;
}

export class Members {
  readonly seats: RoleSeat[];
  readonly spares: Member[];
  /** Those that are out, until they are closed with the array. */
  readonly retired: Member[] = [];
  readonly #world: RaidWorld;
  readonly #options: MembersOptions;
  readonly #usage: Usage;
  readonly #watch: StallWatch;
  readonly #spare = new SpareBuffers();
  #record: ArrayRecord;
  #geometry: Geometry;
  #failure: Fault | undefined;
  /** Numbers of changes of the record: those that were made, and those that are durable. */
  #changed = 0;
  #saved = 0;
  #saving: Promise<void> | undefined;
  #isSyncingEarly = false;
  /** Told when a member went. */
  onLoss: (role: number) => void = () => undefined;

  constructor(
    world: RaidWorld,
    record: ArrayRecord,
    seats: RoleSeat[],
    spares: Member[],
    options: MembersOptions,
  ) {
    this.#world = world;
    this.#record = record;
    this.#geometry = new Geometry(record);
    this.seats = seats;
    this.spares = spares;
    this.#options = options;
    this.#usage = new Usage(world.clock);
    this.#watch = new StallWatch(world.clock, options.stallMs);
  }

  get record(): ArrayRecord {
    return this.#record;
  }

  get failure(): Fault | undefined {
    return this.#failure;
  }

  /** All that carry the record. */
  all(): readonly Member[] {
    return [...this.seated(), ...this.spares];
  }

  /** All that hold data. */
  seated(): readonly Member[] {
    const found: Member[] = [];
    for (const { member, replacement } of this.seats) {
      if (member !== undefined) found.push(member);
      if (replacement !== undefined) found.push(replacement);
    }
    return found;
  }

  role(index: number): RoleRecord {
    return must(this.#record.roles[index], "the role is one of the array's");
  }

  seat(role: number): RoleSeat {
    return must(this.seats[role], "the role is one of the array's");
  }

  /** The member that holds all of the role. */
  active(role: number): Member | undefined {
    return this.role(role).state === "active" ? this.seat(role).member : undefined;
  }

  activeRoles(): readonly number[] {
    return this.seats.flatMap((_, role) => (this.active(role) === undefined ? [] : [role]));
  }

  /** The member of the role that holds this row. */
  readable(role: number, row: number): Member | undefined {
    const { member } = this.seat(role);
    if (member === undefined) return undefined;
    const { state, position } = this.role(role);
    return state === "active" || (state === "rebuilding" && row < position) ? member : undefined;
  }

  /** Fills `target`; false if that can't be had from this member. */
  async read(member: Member, at: number, target: Uint8Array): Promise<boolean> {
    if (this.#options.stallMs === 0) return await this.readScratch(member, at, target);
    const bytes = this.#spare.take(target.length);
    const isRead = await this.readScratch(member, at, bytes);
    if (isRead) {
      target.set(bytes);
      this.#spare.give(bytes);
    }
    return isRead;
  }

  /**
   * As `read`, without a copy on the way: what is not waited for any longer may still come to
   * `target`, so nobody may use that again if false is returned.
   */
  async readScratch(member: Member, at: number, target: Uint8Array): Promise<boolean> {
    if (member.isOut) return false;
    try {
      await this.#watch.inTime(member.volume.read(at, target));
      this.#usage.hasRead(target.length);
      return true;
    } catch (cause) {
      this.#usage.hasFailedToRead();
      // Longer reads are tried again block by block.
      if (target.length <= this.#record.blockBytes) member.readErrors.refused(at);
      if (cause instanceof Stall && !this.#isNeeded(member)) this.lose(member, cause);
      this.#world.trace.event("raid.read-failed", {
        member: member.name,
        at,
        bytes: target.length,
        why: messageOf(cause),
      });
      return false;
    }
  }

  /** Takes note that a block was written again that the member had not as it should be. */
  putRight(member: Member, at: number): void {
    this.count("blocksRepaired");
    const { readErrors } = member;
    const nowMs = this.#world.clock.monotonicMs();
    if (!readErrors.putRight(at, nowMs)) return;
    const { readErrorsMax } = this.#options;
    const count = readErrors.count(nowMs);
    if (readErrorsMax === 0 || count <= readErrorsMax || this.#isNeeded(member)) return;
    const why = `It would not read ${count} blocks within hours, which is more than it may`;
    this.lose(member, new Fault("ERR_IO", why));
  }

  /** How many blocks the member would not read lately. */
  readErrorsOf(member: Member): number {
    return member.readErrors.count(this.#world.clock.monotonicMs());
  }

  /** False if the member is out, if only since now. */
  async write(member: Member, at: number, source: Uint8Array): Promise<boolean> {
    const isWritten = await this.#attempt(member, async (volume) => await volume.write(at, source));
    member.isDirty = true;
    member.unsyncedBytes += source.length;
    if (this.#options.syncEveryBytes <= member.unsyncedBytes) void this.#syncEarly();
    return isWritten;
  }

  async writeDurable(member: Member, at: number, source: Uint8Array): Promise<boolean> {
    return await this.#attempt(member, async (volume) => await volume.writeDurable(at, source));
  }

  /** Makes durable what was written to the member by writes that have ended. */
  async sync(member: Member): Promise<boolean> {
    while (member.syncing !== undefined) await member.syncing;
    if (!member.isDirty) return !member.isOut;
    member.isDirty = false;
    member.unsyncedBytes = 0;
    const syncing = this.#attempt(member, async (volume) => await volume.sync());
    member.syncing = syncing;
    const isSynced = await syncing;
    member.syncing = undefined;
    return isSynced;
  }

  /** Makes durable whatever was written to any member. */
  async syncAll(): Promise<void> {
    await allDone(this.seated().map(async (member) => await this.sync(member)));
  }

  /** Takes the member out because of `cause`. */
  lose(member: Member, cause: unknown): void {
    if (member.isOut) return;
    this.countUsage();
    member.isOut = true;
    this.retired.push(member);
    const why = messageOf(cause);
    const spare = this.spares.indexOf(member);
    if (spare !== -1) this.spares.splice(spare, 1);
    const role = this.seats.findIndex((seat) => seat.member === member);
    const replaced = this.seats.findIndex((seat) => seat.replacement === member);
    this.#world.trace.event("raid.member-failed", { member: member.name, role, why });
    if (replaced !== -1) this.#loseReplacement(replaced);
    if (role !== -1) this.#loseSeated(role, member, cause);
  }

  /** Changes the record; durable when `save` or `settled` has resolved. */
  change(make: (record: ArrayRecord) => ArrayRecord): void {
    this.#record = make(this.#record);
    this.#geometry = new Geometry(this.#record);
    this.#changed++;
  }

  changeRole(role: number, fields: Partial<RoleRecord>): void {
    this.change((record) => ({
      ...record,
      roles: record.roles.map((one, index) => (index === role ? { ...one, ...fields } : one)),
    }));
  }

  /** Counts; it is durable when the record is written the next time. */
  count(counter: keyof RaidCounters, by = 1): void {
    const { counters } = this.#record;
    this.#record = {
      ...this.#record,
      counters: { ...counters, [counter]: counters[counter] + by },
    };
  }

  /** Counts what members were used for by now. */
  countUsage(): void {
    const counters = this.#usage.addTo(this.#record.counters, this.seated().length);
    this.#record = { ...this.#record, counters };
  }

  /** How the member of the role is called in messages. */
  nameOf(role: number): string {
    return this.seat(role).member?.name ?? idText(this.role(role).memberId);
  }

  /** Resolves when the record, as it is now, is durable on all members. */
  async save(): Promise<void> {
    this.#changed++;
    await this.settled();
  }

  /** Gives a new member the record as it will be saved next. */
  async introduce(member: Member): Promise<void> {
    await this.giveRecord(member, { ...this.#record, sequence: this.#record.sequence + 1 });
  }

  /** Gives a member a record that others have already. */
  async giveRecord(member: Member, record: ArrayRecord): Promise<void> {
    await this.#writeRecord(member, record);
  }

  /** Resolves when all changes made so far are durable; throws if the array has failed. */
  async settled(): Promise<void> {
    const wanted = this.#changed;
    while (this.#saved < wanted && this.#failure === undefined) {
      this.#saving ??= this.#saveOnce();
      await this.#saving;
    }
    this.check();
  }

  /** Stops the array because of what must not happen. */
  stop(cause: unknown): void {
    const message = `The array stopped: ${messageOf(cause)}. Assemble it again`;
    this.#failure ??= new Fault("ERR_IO", message, {}, cause);
  }

  /** Throws if the array has failed. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #saveOnce(): Promise<void> {
    const covered = this.#changed;
    this.countUsage();
    this.#record = { ...this.#record, sequence: this.#record.sequence + 1 };
    const record = this.#record;
    await allDone(this.all().map(async (member) => await this.#writeRecord(member, record)));
    this.#saved = covered;
    this.#saving = undefined;
  }

  /** The second copy is begun when the first is durable, so that one of them is always whole. */
  async #writeRecord(member: Member, array: ArrayRecord): Promise<void> {
    const purpose = this.spares.includes(member) ? "spare" : "member";
    const superblock = { memberId: member.id, purpose, array } as const;
    for (let copy = 0; copy < SUPERBLOCK_COPIES; copy++) {
      const bytes = encodeSuperblock(superblock, copy, this.#world.checksums);
      if (this.#failure !== undefined) return;
      if (!(await this.writeDurable(member, copy * SUPERBLOCK_BYTES, bytes))) return;
    }
  }

  /**
   * Has the members busy while more is computed for them. One at a time: a sync takes long, and
   * there are few threads for all that the system is asked for.
   */
  async #syncEarly(): Promise<void> {
    if (this.#isSyncingEarly) return;
    this.#isSyncingEarly = true;
    for (;;) {
      const [next] = this.seated().toSorted((a, b) => b.unsyncedBytes - a.unsyncedBytes);
      if (next === undefined || next.unsyncedBytes < this.#options.syncEveryBytes) break;
      await this.sync(next);
    }
    this.#isSyncingEarly = false;
  }

  async #attempt(member: Member, run: (volume: Volume) => Promise<void>): Promise<boolean> {
    if (member.isOut || this.#failure !== undefined) return false;
    try {
      await this.#watch.inTime(run(member.volume));
    } catch (cause) {
      this.lose(member, cause);
    }
    return !member.isOut;
  }

  /** Whether the level cannot do without the member now. */
  #isNeeded(member: Member): boolean {
    const others = this.activeRoles().filter((role) => this.active(role) !== member);
    return others.length < this.#record.memberCount - this.#geometry.lossesMax;
  }

  #loseReplacement(role: number): void {
    this.seat(role).replacement = undefined;
    this.#raiseEvent(role, { replacement: undefined });
  }

  #loseSeated(role: number, member: Member, cause: unknown): void {
    const seat = this.seat(role);
    const record = this.role(role);
    const active = this.activeRoles().length - (record.state === "active" ? 1 : 0);
    seat.member = undefined;
    if (active < this.#record.memberCount - this.#geometry.lossesMax) {
      this.#fail(member, cause);
      return;
    }
    if (seat.replacement !== undefined && record.replacement !== undefined) {
      const heir = record.replacement;
      seat.member = seat.replacement;
      seat.replacement = undefined;
      const fields = { ...heir, state: "rebuilding", replacement: undefined } as const;
      this.#raiseEvent(role, { ...fields, leftEvent: 0, leftSequence: 0 });
    } else {
      this.#raiseEvent(role, { state: "missing", position: 0, ...leftNow(record, this.#record) });
    }
    this.onLoss(role);
  }

  #raiseEvent(role: number, fields: Partial<RoleRecord>): void {
    this.change((record) => ({
      ...record,
      event: record.event + 1,
      counters: { ...record.counters, membersFailed: record.counters.membersFailed + 1 },
    }));
    this.changeRole(role, fields);
    // Whoever answers next waits for it; a failure of the array is told to them.
    this.settled().catch(() => undefined);
  }

  #fail(member: Member, cause: unknown): void {
    const lost = [member, ...this.#gone()].map((one) => (typeof one === "string" ? one : one.name));
    const message =
      `The array ${idText(this.#record.arrayId)} failed: RAID ${this.#record.level} cannot go on ` +
      `without ${lost.map((name) => `"${name}"`).join(" and ")}. Bring the members back and ` +
      "assemble it again: what was acknowledged is on them";
    this.#failure ??= new Fault("ERR_IO", message, { members: lost }, cause);
    this.#world.trace.event("raid.failed", { members: lost });
  }

  #gone(): readonly string[] {
    return this.#record.roles.flatMap(({ state, memberId }) =>
      state === "missing" ? [idText(memberId)] : [],
    );
  }
}

/**
 * What is remembered of a member that leaves now, so that it may catch up if it comes back as it
 * was. One that was not whole has to be rebuilt from the beginning.
 */
function leftNow(role: RoleRecord, record: ArrayRecord): Partial<RoleRecord> {
  if (role.state !== "active") return { leftEvent: 0, leftSequence: 0 };
  return { leftEvent: record.event, leftSequence: record.sequence };
}
