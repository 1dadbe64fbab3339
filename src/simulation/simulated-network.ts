/**
 * The network between simulated machines. A machine is reached by its name as the host; loopback
 * and local addresses reach only the machine they are used on.
 */

import { assert } from "../base/assert.ts";
import { Fault } from "../base/fault.ts";
import type { SeededRandom } from "../base/random.ts";
import type { Address, Connection, Listener, Network } from "../world/network.ts";
import type { Scheduler } from "./scheduler.ts";
import { SimulatedConnection } from "./simulated-connection.ts";
import { type LinkTimes, SimulatedLinks } from "./simulated-links.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);
const EVERYWHERE = new Set(["0.0.0.0", "::"]);
const FIRST_FREE_PORT = 40_000;
/** An attempt to connect over a way that is cut ends then. */
const CONNECT_TIMEOUT_US = 3_000_000;

interface Listening {
  readonly process: SimulatedProcess;
  readonly machine: string;
  readonly accept: (connection: Connection) => void;
}

export class SimulatedSwitch {
  readonly links: SimulatedLinks;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly #listening = new Map<string, Listening>();
  #connections: SimulatedConnection[] = [];
  #nextPort = FIRST_FREE_PORT;

  constructor(scheduler: Scheduler, random: SeededRandom, times: LinkTimes) {
    this.scheduler = scheduler;
    this.random = random;
    this.links = new SimulatedLinks(times);
  }

  /** Tears down the connections between two machines, at both ends. */
  reset(one: string, other: string): void {
    for (const end of this.#living()) {
      const between = end.machine === one && end.otherMachine === other;
      if (between || (end.machine === other && end.otherMachine === one)) end.reset();
    }
  }

  freePort(): number {
    return this.#nextPort++;
  }

  find(key: string): Listening | undefined {
    return this.#listening.get(key);
  }

  listen(key: string, listening: Listening): void {
    assert(!this.#listening.has(key), "an address has one listener");
    this.#listening.set(key, listening);
  }

  unlisten(key: string, process: SimulatedProcess): void {
    if (this.#listening.get(key)?.process === process) this.#listening.delete(key);
  }

  /** Makes a connection and returns its two ends. */
  join(
    client: SimulatedProcess,
    machine: string,
    to: Listening,
    names: { readonly client: string; readonly server: string },
  ): readonly [SimulatedConnection, SimulatedConnection] {
    const ours = new SimulatedConnection(this, client, machine, names.server);
    const theirs = new SimulatedConnection(this, to.process, to.machine, names.client);
    SimulatedConnection.join(ours, theirs);
    this.#connections = [...this.#living(), ours, theirs];
    return [ours, theirs];
  }

  #living(): readonly SimulatedConnection[] {
    return this.#connections.filter((end) => !end.isOver);
  }
}

export class SimulatedNetwork implements Network {
  readonly #switch: SimulatedSwitch;
  readonly #process: SimulatedProcess;
  readonly #machine: string;

  constructor(fabric: SimulatedSwitch, process: SimulatedProcess, machine: string) {
    this.#switch = fabric;
    this.#process = process;
    this.#machine = machine;
  }

  async listen(address: Address, accept: (connection: Connection) => void): Promise<Listener> {
    return await this.#process.perform(this.#delayUs(), "listen", () => {
      const given = this.#withPort(address);
      const keys = this.#keysOf(given);
      if (keys.some((key) => this.#switch.find(key) !== undefined)) throw inUse(given);
      const listening = { process: this.#process, machine: this.#machine, accept };
      for (const key of keys) this.#switch.listen(key, listening);
      const stop = (): void => {
        for (const key of keys) this.#switch.unlisten(key, this.#process);
      };
      this.#process.onKill(stop);
      const close = async (): Promise<void> => {
        await this.#process.perform(this.#delayUs(), "unlisten", stop);
      };
      return { address: given, close };
    });
  }

  async connect(address: Address): Promise<Connection> {
    const { links, random } = this.#switch;
    const to = this.#machineOf(address);
    if (links.isCut(this.#machine, to) || links.isCut(to, this.#machine)) {
      return await this.#process.perform(CONNECT_TIMEOUT_US, "connect timed out", () => {
        throw unreachableFault(address);
      });
    }
    const there = links.delayUs(this.#machine, to, random);
    const back = links.delayUs(to, this.#machine, random);
    // The listener's side is handed out when the request arrives, ours when the answer does.
    const ours = await this.#process.perform(there, "connect", () => this.#reach(address));
    return await this.#process.perform(back, "connected", () => {
      if (ours.isOver) throw unreachableFault(address);
      ours.resume();
      return ours;
    });
  }

  #reach(address: Address): SimulatedConnection {
    const listening = this.#switch.find(this.#keyToReach(address));
    if (listening === undefined) throw unreachableFault(address);
    const names = { client: `${this.#machine}:${this.#switch.freePort()}`, server: name(address) };
    const [ours, theirs] = this.#switch.join(this.#process, this.#machine, listening, names);
    // What the other side sends at once must wait for the one who connects.
    ours.pause();
    this.#switch.scheduler.post(0, listening.process, "accept", () => {
      listening.accept(theirs);
    });
    return ours;
  }

  #withPort(address: Address): Address {
    if (address.kind === "local" || address.port !== 0) return address;
    return { ...address, port: this.#switch.freePort() };
  }

  /** The names under which a listener at the address is found. */
  #keysOf(address: Address): readonly string[] {
    if (address.kind === "local") return [this.#keyToReach(address)];
    const inside = `loopback ${this.#machine}:${address.port}`;
    const outside = `tcp ${this.#machine}:${address.port}`;
    if (LOOPBACK.has(address.host)) return [inside];
    return EVERYWHERE.has(address.host) ? [inside, outside] : [outside];
  }

  #keyToReach(address: Address): string {
    if (address.kind === "local") return `local ${this.#machine}:${address.path}`;
    if (LOOPBACK.has(address.host)) return `loopback ${this.#machine}:${address.port}`;
    return `tcp ${address.host}:${address.port}`;
  }

  #machineOf(address: Address): string {
    if (address.kind === "local" || LOOPBACK.has(address.host)) return this.#machine;
    return address.host;
  }

  #delayUs(): number {
    return 10 + this.#switch.random.below(40);
  }
}

function inUse(address: Address): Fault {
  const message = `Cannot listen at ${name(address)}: it is in use; stop who listens there first`;
  return new Fault("ERR_LOCKED", message, { address: name(address) });
}

function unreachableFault(address: Address): Fault {
  const message = `Cannot connect to ${name(address)}: nobody answers; check that it runs`;
  return new Fault("ERR_UNAVAILABLE", message, { address: name(address) });
}

function name(address: Address): string {
  return address.kind === "local" ? address.path : `${address.host}:${address.port}`;
}
