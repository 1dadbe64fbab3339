/** What is known of one client: what it asked for, and what CLIENT LIST tells of it. */

import type { Protocol } from "../resp/reply-writer.ts";

export type ReplyMode = "on" | "off" | "skip next" | "skip";

/** What the session of a client can tell, and what others may do to it. */
export interface ClientSession {
  /** How many commands MULTI has queued, -1 outside of MULTI. */
  readonly queuedCount: number;
  readonly watchedCount: number;
  readonly inBegin: boolean;
  /** Bytes of requests that were not served yet. */
  readonly inputBytes: number;
  /** Bytes of replies that the client has not read. */
  readonly outputBytes: number;
  readonly protocol: Protocol;
  /** Closes the connection at once, or after the reply to its own command. */
  kill(): void;
}

export class Client {
  readonly id: number;
  readonly peer: string;
  readonly local: string;
  readonly connectedMs: number;
  readonly session: ClientSession;
  name = "";
  libraryName = "";
  libraryVersion = "";
  database = 0;
  authenticated: boolean;
  replyMode: ReplyMode = "on";
  noEvict = false;
  noTouch = false;
  lastActiveMs: number;
  lastCommand = "NULL";

  constructor(facts: {
    readonly id: number;
    readonly peer: string;
    readonly local: string;
    readonly nowMs: number;
    readonly authenticated: boolean;
    readonly session: ClientSession;
  }) {
    this.id = facts.id;
    this.peer = facts.peer;
    this.local = facts.local;
    this.connectedMs = facts.nowMs;
    this.lastActiveMs = facts.nowMs;
    this.authenticated = facts.authenticated;
    this.session = facts.session;
  }

  /** Where it is, without the port. */
  get host(): string {
    return this.peer.slice(0, Math.max(0, this.peer.lastIndexOf(":")));
  }

  /** Makes it as it was when it connected, but for who it is. */
  reset(authenticated: boolean): void {
    this.name = "";
    this.database = 0;
    this.authenticated = authenticated;
    this.replyMode = "on";
    this.noEvict = false;
    this.noTouch = false;
  }

  /** A line of CLIENT LIST. */
  describe(nowMs: number): string {
    const { session } = this;
    const flags =
      (session.queuedCount >= 0 ? "x" : "") + (this.noEvict ? "e" : "") + (this.noTouch ? "T" : "");
    const facts: Readonly<Record<string, string | number>> = {
      id: this.id,
      addr: this.peer,
      laddr: this.local,
      fd: -1,
      name: this.name,
      age: Math.floor((nowMs - this.connectedMs) / 1000),
      idle: Math.floor((nowMs - this.lastActiveMs) / 1000),
      flags: flags === "" ? "N" : flags,
      db: this.database,
      sub: 0,
      psub: 0,
      ssub: 0,
      multi: session.queuedCount,
      qbuf: session.inputBytes,
      "qbuf-free": 0,
      "argv-mem": 0,
      "multi-mem": 0,
      rbs: 0,
      rbp: 0,
      obl: 0,
      oll: 0,
      omem: session.outputBytes,
      "tot-mem": session.inputBytes + session.outputBytes,
      events: "r",
      cmd: this.lastCommand,
      user: this.authenticated ? "default" : "(none)",
      redir: -1,
      resp: session.protocol,
      "lib-name": this.libraryName,
      "lib-ver": this.libraryVersion,
      begin: session.inBegin ? 1 : 0,
    };
    return Object.entries(facts)
      .map(([name, value]) => `${name}=${value}`)
      .join(" ");
  }
}
