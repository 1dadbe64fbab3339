/**
 * One connection: takes requests as they come and answers them in order.
 *
 * What a turn's input asks for is answered by one write, at the end of the turn. A command that
 * must wait stops its connection, and no other: what follows it stays in the inbox until it is
 * done. A client that sends faster than it reads is not read from, and one that never reads is
 * dropped alone.
 */

import type { Lsn } from "../base/ids.ts";
import { type Protocol, ReplyWriter } from "../resp/reply-writer.ts";
import { COMPLETE, INCOMPLETE, MALFORMED, type RequestParser } from "../resp/request-parser.ts";
import type { Connection, ConnectionHandler } from "../world/network.ts";
import { Client, type ClientSession } from "./client.ts";
import type { Door } from "./door.ts";
import { Executor } from "./executor.ts";
import { Inbox } from "./inbox.ts";
import { Output } from "./output.ts";

/** While a command waits, so much of what follows is taken in before reading stops. */
const INBOX_PAUSE_BYTES = 1 << 20;
/** A client that has not said who it is and leaves so many bytes of replies unread is dropped. */
const STRANGER_UNREAD_BYTES_MAX = 1024;

export interface SessionOwner {
  /** `release` must be called when the log has settled further. */
  awaitSettled(session: Session): void;
  /** `flush` must be called at the end of the turn. */
  flushSoon(session: Session): void;
  sessionClosed(session: Session): void;
}

export class Session implements ConnectionHandler, ClientSession {
  readonly client: Client;
  /** Whether the owner knows that replies wait. */
  enlisted = false;
  /** Whether the owner knows that replies are ready. */
  flushing = false;
  readonly #owner: SessionOwner;
  readonly #door: Door;
  readonly #connection: Connection;
  readonly #reply: ReplyWriter;
  readonly #output: Output;
  /** Of a request of which only the beginning was there. */
  #parser: RequestParser | undefined;
  readonly #inbox = new Inbox();
  readonly #executor: Executor;
  #closed = false;
  /** Whether requests are being served right now. */
  #serving = false;
  /** Whether nothing is served until the client has read some of its replies. */
  #throttled = false;
  /** Whether nothing is served until CLIENT PAUSE is over. */
  #held = false;
  readonly #letGo = (): void => {
    this.#held = false;
    this.#goOn();
  };
  #paused = false;
  /** Since when a request has been incomplete, or replies unread; 0: they are not. */
  #stuckSinceMs = 0;
  /** How many commands were answered in all, up to this turn. */
  #commandCount = 0;
  /** When time was checked last: how many commands were answered, how far replies were read. */
  #commandCountSeen = 0;
  #readPositionSeen = 0;

  constructor(owner: SessionOwner, door: Door, connection: Connection) {
    this.#owner = owner;
    this.#door = door;
    this.#connection = connection;
    const { settings } = door;
    const authenticated = settings.password === undefined;
    this.#reply = new ReplyWriter(settings.outputBytesMax);
    this.#output = new Output(this.#reply, connection, door.stats);
    this.client = new Client({
      id: door.nextClientId(),
      peer: connection.peer,
      local: `${door.host}:${door.port}`,
      nowMs: door.clock.monotonicMs(),
      authenticated,
      session: this,
    });
    const executorOwner = {
      beforeWait: (): void => this.#finishTurn(),
      afterWait: (): void => this.#goOn(),
      refuse: (): void => this.#refuseHttp(),
    };
    this.#executor = new Executor(executorOwner, door, this.client, this.#reply);
  }

  get queuedCount(): number {
    const { multi } = this.#executor;
    return multi.active ? multi.commands.length : -1;
  }

  get watchedCount(): number {
    return this.#executor.multi.watchedCount;
  }

  get inBegin(): boolean {
    return this.#executor.interactive !== undefined;
  }

  get inputBytes(): number {
    return this.#inbox.length;
  }

  get outputBytes(): number {
    return this.#output.pendingBytes;
  }

  get protocol(): Protocol {
    return this.#reply.protocol;
  }

  kill(): void {
    if (this.#serving) this.#executor.closing = true;
    else this.#connection.destroy();
  }

  data(bytes: Uint8Array): void {
    if (this.#closed || this.#executor.closing) return;
    this.#door.stats.bytesReceived += bytes.length;
    this.client.lastActiveMs = this.#door.clock.monotonicMs();
    if (this.#inbox.length > 0 || this.#isBlocked()) {
      const moved = this.#inbox.add(bytes, 0, bytes.length);
      this.#parser?.moved(moved);
      this.#goOn();
      return;
    }
    const servedTo = this.#serve(bytes, 0, bytes.length);
    if (servedTo < bytes.length) {
      this.#inbox.add(bytes, servedTo, bytes.length);
      this.#parser?.moved(-servedTo);
    }
    this.#finishTurn();
  }

  drained(): void {
    this.#output.recycle();
    this.#goOn();
  }

  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#door.held.delete(this.#letGo);
    this.#executor.abandon();
    this.#owner.sessionClosed(this);
  }

  /** The log has settled up to here. */
  release(settled: Lsn): void {
    this.enlisted = false;
    if (this.#closed) return;
    const waits = this.#output.release(settled);
    this.#output.flush();
    if (!waits && this.#executor.closing && !this.#executor.waiting) this.#connection.end();
    else if (this.#throttled) this.#goOn();
    if (this.#output.waits) this.#owner.awaitSettled(this);
  }

  /** Sends what is ready. */
  flush(): void {
    this.flushing = false;
    if (this.#closed) return;
    this.#output.flush();
    if (this.#throttled) this.#goOn();
  }

  /** The store has failed: says so to whoever waits, and hangs up. */
  storeFailed(): void {
    if (this.#closed) return;
    this.#output.fail(
      "UNKNOWN the store failed before this was durable: whether it was applied is not known",
      "UNAVAILABLE the store failed before this could be answered",
    );
    this.#executor.closing = true;
    if (!this.#executor.waiting) this.#connection.end();
  }

  /** Closes the connection when what it asked for is answered. */
  finish(): void {
    this.#executor.closing = true;
    if (!this.#executor.waiting && !this.#output.waits) this.#hangUp();
  }

  /** Closes the connection if its client took too long over something. */
  checkTime(nowMs: number): void {
    const { settings, stats } = this.#door;
    const idleMs = nowMs - this.client.lastActiveMs;
    const mayIdle = this.inBegin || this.#executor.waiting || this.#output.waits;
    const idle = 0 < settings.idleTimeoutMs && settings.idleTimeoutMs < idleMs && !mayIdle;
    const stranger =
      !this.client.authenticated && settings.authTimeoutMs < nowMs - this.client.connectedMs;
    if (idle || stranger || settings.requestTimeoutMs < this.#stuckMs(nowMs)) {
      stats.connectionsTimedOut++;
      this.#connection.destroy();
    }
  }

  /** For how long the client has left one request unfinished, or read nothing of its replies. */
  #stuckMs(nowMs: number): number {
    const { unsentBytes } = this.#connection;
    const readPosition = this.#reply.sentPosition - unsentBytes;
    const answersNothing = this.#commandCount === this.#commandCountSeen;
    const readsNothing = readPosition === this.#readPositionSeen;
    this.#commandCountSeen = this.#commandCount;
    this.#readPositionSeen = readPosition;
    const unfinished = answersNothing && this.#inbox.length > 0 && !this.#isBlocked();
    const unread = readsNothing && unsentBytes > 0;
    if (!unfinished && !unread) this.#stuckSinceMs = 0;
    else if (this.#stuckSinceMs === 0) this.#stuckSinceMs = nowMs;
    return this.#stuckSinceMs === 0 ? 0 : nowMs - this.#stuckSinceMs;
  }

  #isBlocked(): boolean {
    return this.#executor.waiting || this.#throttled || this.#held || this.#executor.closing;
  }

  /** Goes on with what lies in the inbox, if it may. */
  #goOn(): void {
    if (this.#closed || this.#serving) return;
    if (this.#throttled && this.#isRead()) this.#throttled = false;
    const inbox = this.#inbox;
    if (inbox.length > 0 && !this.#isBlocked()) {
      inbox.drop(this.#serve(inbox.bytes, inbox.start, inbox.end));
    }
    this.#finishTurn();
  }

  /** Serves the requests in `bytes[from, to)`; returns where the first begins that was not. */
  #serve(bytes: Uint8Array, from: number, to: number): number {
    const parser = this.#parser ?? this.#door.takeParser();
    parser.limits.stranger = !this.client.authenticated;
    const executor = this.#executor;
    let at = from;
    this.#serving = true;
    while (at < to && !this.#isBlocked()) {
      const state = parser.parse(bytes, at, to);
      if (state === INCOMPLETE) break;
      if (state === MALFORMED) {
        this.#refuse(parser.reason);
        at = to;
      } else {
        if (state === COMPLETE && !executor.execute(parser.request)) {
          this.#hold();
          break;
        }
        at = parser.end;
        parser.limits.stranger = !this.client.authenticated;
        if (this.#reply.unsentBytes > this.#door.settings.outputPauseBytes) this.#throttled = true;
      }
    }
    this.#serving = false;
    this.#parser = parser.isBetweenRequests ? undefined : parser;
    if (this.#parser === undefined) this.#door.giveBackParser(parser);
    return at;
  }

  /** The client speaks no language that we know: tells it so, and hangs up. */
  #refuse(reason: string): void {
    this.#door.stats.protocolErrors++;
    this.#reply.error(`ERR ${reason}`);
    this.#reply.keep();
    this.#executor.commandCount++;
    this.#executor.closing = true;
  }

  /** A page in a browser was made to talk to us: nothing that follows is a command. */
  #refuseHttp(): void {
    this.#door.stats.protocolErrors++;
    this.#door.world.trace.event("redis-http-refused", { peer: this.client.peer });
    this.#executor.closing = true;
    this.#connection.destroy();
  }

  #hold(): void {
    this.#held = true;
    this.#door.held.add(this.#letGo);
  }

  /** Whether the client has read so much that more may be answered. */
  #isRead(): boolean {
    return this.#output.pendingBytes <= this.#door.settings.outputPauseBytes / 2;
  }

  /** Lets the answers go as far as the log allows, and minds the limits. */
  #finishTurn(): void {
    if (this.#closed) return;
    const { store, stats } = this.#door;
    const executor = this.#executor;
    const { needs, commandCount, wrote } = executor;
    stats.commandsProcessed += commandCount;
    this.#commandCount += commandCount;
    stats.errorReplies += this.#reply.takeErrorCount();
    const waits = this.#output.seal(needs, store.settledLsn, commandCount, wrote);
    executor.beginTurn();
    if (waits && store.failure !== undefined) {
      this.storeFailed();
      return;
    }
    if (waits) this.#owner.awaitSettled(this);
    if (this.#isTooMuch()) {
      stats.connectionsOverflowed++;
      this.#connection.destroy();
    } else if (executor.closing && !executor.waiting && !waits) {
      this.#hangUp();
    } else {
      if (this.#output.isReady) this.#owner.flushSoon(this);
      this.#minding();
    }
  }

  #hangUp(): void {
    this.#output.flush();
    this.#connection.end();
  }

  #isTooMuch(): boolean {
    if (this.#reply.overflowed) return true;
    if (this.#inbox.length > this.#door.settings.requestBytesMax && !this.#isBlocked()) return true;
    const { unsentBytes } = this.#connection;
    return !this.client.authenticated && unsentBytes > STRANGER_UNREAD_BYTES_MAX;
  }

  /** Reads on or stops reading, as there is room for more. */
  #minding(): void {
    if (this.#throttled && this.#isRead()) {
      // Other connections come first.
      this.#door.clock.soon(() => this.#goOn());
    }
    const pause = this.#throttled || (this.#isBlocked() && this.#inbox.length > INBOX_PAUSE_BYTES);
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.#connection.pause();
    else this.#connection.resume();
  }
}
