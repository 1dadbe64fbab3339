/**
 * One end of a simulated connection.
 *
 * Bytes arrive in order, after a delay, cut and joined at any place; or not at all while the way
 * is cut. They are copied when they arrive, not when they are written, and erased when the
 * handler returns, so that whoever breaks either rule of `Connection` reads garbage here.
 */

import { assert, must } from "../base/assert.ts";
import { concatBytes } from "../base/bytes.ts";
import type { SeededRandom } from "../base/random.ts";
import type { Connection, ConnectionHandler } from "../world/network.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SimulatedLinks } from "./simulated-links.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

/** A writer is told to wait when this much is on its way. */
const UNSENT_BYTES_MAX = 65_536;
const ERASED = 0xdb;
/** A machine without power is found to be gone when it is back, or by the lack of any answer. */
const SILENCE_US_MAX = 60_000_000;

export interface ConnectionParts {
  readonly scheduler: Scheduler;
  readonly links: SimulatedLinks;
  readonly random: SeededRandom;
}

type Message =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** The other side has ended, and nothing follows. */
  | { readonly kind: "end" };

export class SimulatedConnection implements Connection {
  readonly peer: string;
  /** The machine it is on. */
  readonly machine: string;
  readonly process: SimulatedProcess;
  readonly #parts: ConnectionParts;
  #other: SimulatedConnection | undefined;
  #handler: ConnectionHandler | undefined;
  /** Written here and not yet handed over there. */
  readonly #outgoing: Message[] = [];
  /** Arrived here and not yet taken. */
  readonly #incoming: Message[] = [];
  #unsentBytes = 0;
  #owesDrained = false;
  #isPaused = false;
  #isMoving = false;
  #hasEnded = false;
  #peerHasEnded = false;
  #isOver = false;

  constructor(parts: ConnectionParts, process: SimulatedProcess, machine: string, peer: string) {
    this.#parts = parts;
    this.process = process;
    this.machine = machine;
    this.peer = peer;
  }

  /** Makes two ends the ends of one connection. */
  static join(one: SimulatedConnection, other: SimulatedConnection): void {
    one.#other = other;
    other.#other = one;
    for (const end of [one, other]) {
      end.process.onKill((how) => {
        end.#abandon(how === "power" ? one.#parts.random.below(SILENCE_US_MAX) : 0);
      });
    }
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get otherMachine(): string {
    return must(this.#other, "an end has another").machine;
  }

  handle(handler: ConnectionHandler): void {
    assert(this.#handler === undefined, "a connection has one handler");
    this.#handler = handler;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#hasEnded || this.#isOver || this.process.isDead) return false;
    if (bytes.length === 0) return this.#unsentBytes <= UNSENT_BYTES_MAX;
    this.#unsentBytes += bytes.length;
    this.#outgoing.push({ kind: "bytes", bytes });
    this.#move();
    const goOn = this.#unsentBytes <= UNSENT_BYTES_MAX;
    this.#owesDrained ||= !goOn;
    return goOn;
  }

  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#post(0, "resumed", () => {
      this.#takeIncoming();
    });
  }

  end(): void {
    if (this.#hasEnded || this.#isOver) return;
    this.#hasEnded = true;
    this.#outgoing.push({ kind: "end" });
    this.#move();
  }

  destroy(): void {
    if (this.#isOver || this.process.isDead) return;
    this.#hasEnded = true;
    this.#outgoing.length = 0;
    this.#abandon(0);
    this.#post(0, "closed", () => {
      this.#close();
    });
  }

  /** The connection is torn down by the network, at this end. */
  reset(): void {
    this.#post(0, "reset", () => {
      this.#close();
    });
  }

  /** Lets the other end know, when word of it gets there, that this one is no more. */
  #abandon(silenceUs: number): void {
    const other = this.#other;
    if (other === undefined || other.#isOver) return;
    const { scheduler, links, random } = this.#parts;
    const arrive = (): void => {
      if (links.isCut(this.machine, other.machine)) links.onHealed(arrive);
      else other.#close();
    };
    const delayUs = silenceUs + links.delayUs(this.machine, other.machine, random);
    scheduler.post(delayUs, other.process, "peer gone", arrive);
  }

  /** Sends on the first of what was written, if nothing is on its way already. */
  #move(): void {
    const other = this.#other;
    if (this.#isMoving || other === undefined || this.#outgoing.length === 0) return;
    this.#isMoving = true;
    const { scheduler, links, random } = this.#parts;
    const delayUs = links.delayUs(this.machine, other.machine, random);
    // Not an event of the receiver: it may be dead, and this end must go on.
    scheduler.post(delayUs, undefined, "carry", () => {
      this.#carry(other);
    });
  }

  #carry(other: SimulatedConnection): void {
    if (this.#isOver) return;
    if (this.#parts.links.isCut(this.machine, other.machine)) {
      this.#parts.links.onHealed(() => {
        this.#carry(other);
      });
      return;
    }
    this.#isMoving = false;
    const messages = this.#outgoing.splice(0, 1 + this.#parts.random.below(4));
    const bytes = messages.flatMap((message) => (message.kind === "bytes" ? [message.bytes] : []));
    const joined = concatBytes(bytes);
    this.#unsentBytes -= joined.length;
    if (0 < joined.length) other.#arrive({ kind: "bytes", bytes: joined });
    if (messages.some((message) => message.kind === "end")) other.#arrive({ kind: "end" });
    if (this.#unsentBytes === 0 && this.#owesDrained) {
      this.#owesDrained = false;
      this.#post(0, "drained", () => this.#handler?.drained());
    }
    if (this.#outgoing.length === 0 && this.#peerHasEnded) this.#post(0, "over", this.#over);
    else this.#move();
  }

  readonly #over = (): void => {
    this.#close();
  };

  #arrive(message: Message): void {
    this.#incoming.push(message);
    this.#post(0, "data", () => {
      this.#takeIncoming();
    });
  }

  #takeIncoming(): void {
    while (!this.#isPaused && !this.#isOver) {
      const message = this.#incoming.shift();
      if (message === undefined) return;
      if (message.kind === "end") this.#peerEnded();
      else this.#handOver(message.bytes);
    }
  }

  /** Hands the bytes over in one piece or in two. */
  #handOver(bytes: Uint8Array): void {
    const { random } = this.#parts;
    const cut = random.chance(25) ? random.below(bytes.length) : 0;
    if (0 < cut) this.#incoming.unshift({ kind: "bytes", bytes: bytes.subarray(cut) });
    const piece = bytes.slice(0, cut === 0 ? bytes.length : cut);
    if (this.#hasEnded) return;
    must(this.#handler, "a connection is handled in the turn in which it is handed out").data(
      piece,
    );
    piece.fill(ERASED);
  }

  /** Both sides are through once this one has sent what it had. */
  #peerEnded(): void {
    this.#peerHasEnded = true;
    this.end();
    if (this.#outgoing.length === 0) this.#close();
  }

  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#outgoing.length = 0;
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.closed();
  }

  #post(delayUs: number, name: string, fire: () => void): void {
    this.#parts.scheduler.post(delayUs, this.process, name, fire);
  }
}
