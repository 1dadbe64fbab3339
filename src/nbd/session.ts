/**
 * One client's side of NBD, without input or output: bytes in, effects out.
 *
 * It guarantees that
 *
 *  1. however the bytes of a client are cut, the effects are the same, in the same order;
 *  2. no length is believed before it was checked, and memory is taken only for what is allowed:
 *     what is too long is passed over as it comes, and answered by an error;
 *  3. no more requests are under way than the limits say: while there is no room the session is
 *     `blocked`, and keeps what it is given until `goOn`;
 *  4. every request is answered once, in the order in which they are done, and those under way are
 *     answered before the session ends, unless the client is gone;
 *  5. what lies in the stream behind a request for TLS is never taken for something that was said
 *     in secret: it ends the session.
 */

import { assert, must, unreachable } from "../base/assert.ts";
import { concatBytes } from "../base/bytes.ts";
import type { ExportFacts } from "./export.ts";
import { type Agreement, Negotiation, type NegotiationStep } from "./negotiation.ts";
import { greeting } from "./option-reply.ts";
import {
  CLIENT_FLAGS_BYTES,
  COMMAND,
  OPTION_HEADER_BYTES,
  OPTION_MAGIC_HIGH,
  OPTION_MAGIC_LOW,
  REQUEST_HEADER_BYTES,
} from "./protocol.ts";
import { encodeReply } from "./replies.ts";
import {
  decodeRequestHeader,
  hasPayload,
  type NbdRequest,
  type Outcome,
  type Refusal,
  type RequestBounds,
  type RequestHeader,
  requestOf,
} from "./request.ts";
import { type NbdServerOptions, OPTION_BYTES_MAX, OPTION_COUNT_MAX } from "./settings.ts";

export interface SessionOptions<Export extends ExportFacts> {
  readonly exports: readonly Export[];
  readonly settings: Pick<
    NbdServerOptions,
    "tls" | "listsExports" | "requestBytesMax" | "inFlightCountMax" | "inFlightBytesMax"
  >;
}

/** A request that is to be performed, and then handed to `answer`. */
export interface Job<Export extends ExportFacts> {
  readonly header: RequestHeader;
  readonly export: Export;
  readonly request: NbdRequest;
}

export type SessionEffect<Export extends ExportFacts> =
  | { readonly kind: "send"; readonly bytes: Uint8Array }
  /** What follows in the connection is TLS; `secured` is to be called once it stands. */
  | { readonly kind: "start tls" }
  | { readonly kind: "perform"; readonly job: Job<Export> }
  /** The connection ends when all that was sent is out. The last effect there is. */
  | { readonly kind: "end"; readonly reason: string };

type Phase =
  | "client flags"
  | "option"
  | "option data"
  /** The data of an option that is too long to be looked at. */
  | "big option"
  | "securing"
  | "request"
  | "payload"
  /** No more is read, and what is under way is brought to its end. */
  | "leaving"
  | "ended";

interface Writing {
  readonly header: RequestHeader;
  readonly verdict: NbdRequest | Refusal;
}

type Effects<Export extends ExportFacts> = SessionEffect<Export>[];

const NOTHING = new Uint8Array(0);

export class Session<Export extends ExportFacts> {
  readonly #options: SessionOptions<Export>;
  readonly #negotiation: Negotiation<Export>;
  #phase: Phase = "client flags";
  /** What comes in is put here, until it is full; then it is looked at. */
  #target: Uint8Array = new Uint8Array(CLIENT_FLAGS_BYTES);
  #filledBytes = 0;
  /** So many bytes are passed over before. */
  #skipBytes = 0;
  readonly #optionHeader = new Uint8Array(OPTION_HEADER_BYTES);
  readonly #requestHeader = new Uint8Array(REQUEST_HEADER_BYTES);
  #option = 0;
  #optionCount = 0;
  #agreement: Agreement<Export> | undefined;
  /** The request whose header was read, and for which there is no room yet. */
  #next: RequestHeader | undefined;
  /** The write whose payload is coming in. */
  #writing: Writing | undefined;
  /** What came while the session was blocked. */
  #held: Uint8Array[] = [];
  /** Whether TLS was agreed on, and is not begun yet. */
  #startsTls = false;
  #throttled = false;
  #takenCount = 0;
  #reason = "";
  #inFlightCount = 0;
  #inFlightBytes = 0;

  constructor(options: SessionOptions<Export>) {
    this.#options = options;
    this.#negotiation = new Negotiation({ ...options.settings, exports: options.exports });
  }

  /** What is said before the client has said anything. */
  greet(): SessionEffect<Export> {
    return { kind: "send", bytes: greeting() };
  }

  /** Whether there is no room for more; what comes in is kept. */
  get blocked(): boolean {
    if (this.#phase === "leaving") return true;
    return this.#throttled || this.#next !== undefined;
  }

  /** Set while the client doesn't read its replies. */
  set throttled(throttled: boolean) {
    this.#throttled = throttled;
  }

  /** Whether an export was agreed on. */
  get transmits(): boolean {
    return this.#agreement !== undefined;
  }

  get inFlightCount(): number {
    return this.#inFlightCount;
  }

  /** Whether the client has begun to say something and has yet to finish. */
  get isWithin(): boolean {
    const hasHeader = this.#phase === "payload" || this.#phase === "option data";
    return hasHeader || 0 < this.#filledBytes || 0 < this.#skipBytes;
  }

  /** How many headers and what belongs to them have come in whole; it grows with each. */
  get takenCount(): number {
    return this.#takenCount;
  }

  receive(bytes: Uint8Array): readonly SessionEffect<Export>[] {
    if (this.#phase === "ended" || this.#phase === "leaving") return [];
    const effects: Effects<Export> = [];
    const taken = 0 < this.#held.length ? 0 : this.#consume(bytes, effects);
    this.#hold(bytes, taken);
    return effects;
  }

  /** Takes up what was kept, as far as there is room now. */
  goOn(): readonly SessionEffect<Export>[] {
    const effects: Effects<Export> = [];
    this.#admit(effects);
    const held = concatBytes(this.#held);
    this.#held = [];
    this.#hold(held, this.#consume(held, effects));
    return effects;
  }

  /** TLS stands; the client begins anew. */
  secured(): void {
    assert(this.#phase === "securing", "TLS follows a request for it");
    this.#negotiation.secured();
    this.#expectOption();
  }

  /** What a job has come to. Whoever calls this calls `goOn` when more may be performed. */
  answer(job: Job<Export>, outcome: Outcome): readonly SessionEffect<Export>[] {
    this.#exit(job.header);
    if (this.#phase === "ended") return [];
    const effects: Effects<Export> = [];
    this.#reply(job.header, outcome, effects);
    this.#endIfDone(effects);
    return effects;
  }

  /** Nothing new is begun; ends when what is under way is answered. */
  shutDown(): readonly SessionEffect<Export>[] {
    if (this.#phase === "ended") return [];
    const effects: Effects<Export> = [];
    this.#leave("the server is shutting down", effects);
    return effects;
  }

  /** The client is gone. */
  closed(): void {
    this.#phase = "ended";
    this.#forget();
  }

  /** Takes in bytes until there is no room or no byte left; returns how many. */
  #consume(bytes: Uint8Array, effects: Effects<Export>): number {
    let at = 0;
    while (!this.blocked && this.#phase !== "ended") {
      if (this.#phase === "securing") {
        this.#startTls(at < bytes.length, effects);
        break;
      }
      if (this.#skipBytes === 0 && this.#filledBytes === this.#target.length) {
        this.#takenCount++;
        this.#filled(effects);
      } else if (at === bytes.length) {
        break;
      } else {
        at += this.#fill(bytes, at);
      }
    }
    return at;
  }

  /** Passes over and copies what is wanted, from `at`; returns how many bytes that were. */
  #fill(bytes: Uint8Array, at: number): number {
    const skipped = Math.min(this.#skipBytes, bytes.length - at);
    this.#skipBytes -= skipped;
    const from = at + skipped;
    const count = Math.min(this.#target.length - this.#filledBytes, bytes.length - from);
    if (0 < count) this.#target.set(bytes.subarray(from, from + count), this.#filledBytes);
    this.#filledBytes += count;
    return skipped + count;
  }

  /** Goes on to a phase that needs `target` filled, after so many bytes that nobody needs. */
  #expect(phase: Phase, target: Uint8Array, skipBytes = 0): void {
    this.#phase = phase;
    this.#target = target;
    this.#filledBytes = 0;
    this.#skipBytes = skipBytes;
  }

  #filled(effects: Effects<Export>): void {
    const view = new DataView(this.#target.buffer, this.#target.byteOffset, this.#target.length);
    switch (this.#phase) {
      case "client flags":
        this.#takeClientFlags(view, effects);
        break;
      case "option":
        this.#takeOption(view, effects);
        break;
      case "option data":
        this.#carryOut(this.#negotiation.step(this.#option, this.#target), effects);
        break;
      case "big option":
        this.#carryOut(this.#negotiation.tooBig(this.#option), effects);
        break;
      case "request":
        this.#takeRequest(view, effects);
        break;
      case "payload":
        this.#takePayload(effects);
        break;
      case "securing":
      case "leaving":
      case "ended":
        assert(false, "nothing is read in this phase");
    }
  }

  #takeClientFlags(view: DataView, effects: Effects<Export>): void {
    if (this.#negotiation.takeClientFlags(view.getUint32(0))) this.#expectOption();
    else this.#leave("it does not speak this protocol", effects);
  }

  /** Keeps what was not taken, for when there is room. */
  #hold(bytes: Uint8Array, taken: number): void {
    if (taken === bytes.length || this.#phase === "ended" || this.#phase === "leaving") return;
    this.#held.push(bytes.slice(taken));
  }

  #expectOption(): void {
    this.#expect("option", this.#optionHeader);
  }

  #takeOption(view: DataView, effects: Effects<Export>): void {
    if (view.getUint32(0) !== OPTION_MAGIC_HIGH || view.getUint32(4) !== OPTION_MAGIC_LOW) {
      this.#leave("it sent no option", effects);
      return;
    }
    if (OPTION_COUNT_MAX <= this.#optionCount++) {
      this.#leave("it haggled for too long", effects);
      return;
    }
    this.#option = view.getUint32(8);
    const byteCount = view.getUint32(12);
    if (OPTION_BYTES_MAX < byteCount) this.#expect("big option", NOTHING, byteCount);
    else this.#expect("option data", new Uint8Array(byteCount));
  }

  #carryOut(step: NegotiationStep<Export>, effects: Effects<Export>): void {
    for (const bytes of step.replies) effects.push({ kind: "send", bytes });
    switch (step.kind) {
      case "go on":
        this.#expectOption();
        break;
      case "start tls":
        this.#expect("securing", NOTHING);
        this.#startsTls = true;
        break;
      case "agreed":
        this.#agreement = step.agreement;
        this.#expectRequest();
        break;
      case "end":
        this.#leave(step.reason, effects);
        break;
      default:
        unreachable(step);
    }
  }

  #startTls(hasSurplus: boolean, effects: Effects<Export>): void {
    if (hasSurplus) this.#leave("it spoke between asking for TLS and getting it", effects);
    else if (this.#startsTls) effects.push({ kind: "start tls" });
    this.#startsTls = false;
  }

  #expectRequest(): void {
    this.#expect("request", this.#requestHeader);
  }

  #takeRequest(view: DataView, effects: Effects<Export>): void {
    this.#next = decodeRequestHeader(view);
    if (this.#next === undefined) this.#leave("it sent no request", effects);
    else this.#admit(effects);
  }

  /** Begins the request whose header was read, if there is one, and room for it. */
  #admit(effects: Effects<Export>): void {
    const header = this.#next;
    if (header === undefined || !this.#hasRoom(header)) return;
    this.#next = undefined;
    if (header.command === COMMAND.disconnect) {
      this.#leave("the client left", effects);
      return;
    }
    const verdict = requestOf(header, this.#bounds());
    if (hasPayload(header)) this.#expectPayload(header, verdict);
    else this.#begin(header, verdict, effects);
  }

  #hasRoom(header: RequestHeader): boolean {
    if (this.#inFlightCount === 0) return true;
    const { inFlightCountMax, inFlightBytesMax } = this.#options.settings;
    const bytes = this.#inFlightBytes + this.#weightOf(header);
    return this.#inFlightCount < inFlightCountMax && bytes <= inFlightBytesMax;
  }

  #bounds(): RequestBounds {
    const { export: facts, structured, tellsAllocation } = this.#agreed;
    const { sizeBytes, writeUnitBytes, readOnly, sparse } = facts;
    const { requestBytesMax } = this.#options.settings;
    const bounds = { sizeBytes, writeUnitBytes, readOnly, sparse, requestBytesMax };
    return { ...bounds, structured, tellsAllocation };
  }

  get #agreed(): Agreement<Export> {
    return must(this.#agreement, "requests follow an agreement");
  }

  /** What is written goes where it belongs in its units; what is refused goes nowhere. */
  #expectPayload(header: RequestHeader, verdict: NbdRequest | Refusal): void {
    this.#writing = { header, verdict };
    if (verdict.kind === "write") {
      const from = verdict.at - verdict.frameAt;
      this.#enter(header);
      this.#expect("payload", verdict.frame.subarray(from, from + verdict.byteCount));
    } else {
      this.#expect("payload", NOTHING, header.byteCount);
    }
  }

  #takePayload(effects: Effects<Export>): void {
    const { header, verdict } = must(this.#writing, "a payload belongs to a write");
    this.#writing = undefined;
    if (verdict.kind === "write") this.#exit(header);
    this.#begin(header, verdict, effects);
  }

  #begin(header: RequestHeader, verdict: NbdRequest | Refusal, effects: Effects<Export>): void {
    this.#expectRequest();
    if (verdict.kind === "refused") {
      this.#reply(header, verdict, effects);
      return;
    }
    this.#enter(header);
    const job = { header, export: this.#agreed.export, request: verdict };
    effects.push({ kind: "perform", job });
  }

  #reply(header: RequestHeader, outcome: Outcome, effects: Effects<Export>): void {
    const bytes = encodeReply(header, outcome, this.#agreed.structured);
    effects.push({ kind: "send", bytes });
  }

  #enter(header: RequestHeader): void {
    this.#inFlightCount++;
    this.#inFlightBytes += this.#weightOf(header);
  }

  #exit(header: RequestHeader): void {
    this.#inFlightCount--;
    this.#inFlightBytes -= this.#weightOf(header);
    assert(0 <= this.#inFlightBytes, "a request weighs the same at its end as at its beginning");
  }

  /** The bytes that are in memory for a request; what is too long never is. */
  #weightOf({ command, byteCount }: RequestHeader): number {
    const carriesData = command === COMMAND.read || command === COMMAND.write;
    const { requestBytesMax } = this.#options.settings;
    return carriesData && byteCount <= requestBytesMax ? byteCount : 0;
  }

  /** Reads no more, and ends when what is under way is answered. */
  #leave(reason: string, effects: Effects<Export>): void {
    if (this.#phase === "leaving") return;
    // A write that did not arrive whole is not under way.
    if (this.#writing?.verdict.kind === "write") this.#exit(this.#writing.header);
    this.#reason = reason;
    this.#phase = "leaving";
    this.#forget();
    this.#endIfDone(effects);
  }

  #endIfDone(effects: Effects<Export>): void {
    if (this.#phase !== "leaving" || 0 < this.#inFlightCount) return;
    this.#phase = "ended";
    effects.push({ kind: "end", reason: this.#reason });
  }

  #forget(): void {
    this.#held = [];
    this.#target = NOTHING;
    this.#next = undefined;
    this.#writing = undefined;
  }
}
