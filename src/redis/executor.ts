/**
 * Runs the commands of one connection, one at a time: as transactions of their own, within MULTI
 * and EXEC, or within BEGIN and COMMIT.
 *
 * Bodies are run by two functions that are made once, so that a command costs no closure. When a
 * body must wait, `waiting` is true until `afterWait` is called, and no command may be given.
 */

import { Fault } from "../base/fault.ts";
import { type Lsn, lsn } from "../base/ids.ts";
import type { ReplyWriter } from "../resp/reply-writer.ts";
import { Request } from "../resp/request.ts";
import { MUST_WAIT, type Runner, type Step } from "../transactions/step.ts";
import type { Client } from "./client.ts";
import { type Call, type Command, CONTAINER, CONTROL, type Control, STORE } from "./command.ts";
import { refuseControl } from "./control-rules.ts";
import type { Door } from "./door.ts";
import { Interactive } from "./interactive.ts";
import { type KeyCounts, keyTooLong, type Keyspace } from "./keyspace.ts";
import { Multi } from "./multi.ts";
import { MultiRun } from "./multi-run.ts";
import { errorReply, NO_AUTH, unknownCommand, unknownSubcommand, wrongArity } from "./replies.ts";

export interface ExecutorOwner {
  /** A command is about to wait: what was answered before may leave. */
  beforeWait(): void;
  /** It is answered; the next may follow. */
  afterWait(): void;
  /** Whoever speaks here speaks HTTP. */
  refuse(): void;
}

/** What a transaction that is begun anew has in common with one that was aborted. */
interface EarlierAttempt {
  readonly age: number;
  readonly attempts: number;
}

type Body = (step: Step) => void;

const NO_REQUEST: Request = new Request();

export class Executor implements Call {
  request: Request;
  readonly reply: ReplyWriter;
  readonly keys: Keyspace;
  readonly client: Client;
  readonly door: Door;
  readonly multi: Multi;
  interactive: Interactive | undefined;
  waiting = false;
  /** Whether the connection is to be closed when everything is answered. */
  closing = false;
  /** Of the replies since `beginTurn`: the newest position that one of them depends on. */
  needs: Lsn = lsn(0);
  commandCount = 0;
  wrote = false;
  readonly #owner: ExecutorOwner;
  readonly #multiRun: MultiRun = new MultiRun(this);
  #command: Command | undefined;
  /** Whether the body that runs may not use what is remembered of the map of databases. */
  #exact = false;
  /** Whether the command that runs began a change of the map of databases that it has to end. */
  #remaps = false;
  #earlier: EarlierAttempt | undefined;

  constructor(owner: ExecutorOwner, door: Door, client: Client, reply: ReplyWriter) {
    this.#owner = owner;
    this.door = door;
    this.keys = door.keys;
    this.multi = new Multi(door.watches);
    this.client = client;
    this.reply = reply;
    this.request = NO_REQUEST;
  }

  beginTurn(): void {
    this.needs = lsn(0);
    this.commandCount = 0;
    this.wrote = false;
  }

  /** Answers the request, now or after a wait; false if it is held back by CLIENT PAUSE. */
  execute(request: Request): boolean {
    this.request = request;
    const { bytes, at, length } = request;
    const command = this.door.commands.find(bytes, at[0] as number, length[0] as number);
    if (command === undefined) return this.#rejectUnknown(request);
    if (command.kind === CONTAINER) return this.#executeWithin(command, request);
    return this.#executeCommand(command, request);
  }

  /** The connection is over: nothing that it left open may stay. */
  abandon(): void {
    this.#endInteractive();
    this.multi.abandon();
  }

  #endInteractive(): void {
    this.interactive?.rollback();
    this.interactive = undefined;
  }

  #executeWithin(container: Command, request: Request): boolean {
    if (request.count < container.argumentsMin) return this.#reject(wrongArity(container.name));
    if (request.count === 1) return this.#executeCommand(container, request);
    const { bytes, at, length } = request;
    const table = this.door.commands.subcommands(container);
    const command = table?.find(bytes, at[1] as number, length[1] as number);
    if (command === undefined) return this.#reject(unknownSubcommand(container.name, request));
    return this.#executeCommand(command, request);
  }

  #executeCommand(command: Command, request: Request): boolean {
    const { count } = request;
    if (count < command.argumentsMin || command.argumentsMax < count) {
      return this.#reject(wrongArity(command.name), command);
    }
    if (!this.client.authenticated && !command.open) return this.#reject(NO_AUTH, command);
    if (this.door.pausedUntilMs !== 0 && this.door.holdsBack(command, this.multi.writes)) {
      return false;
    }
    if (this.keys.keyBytesMax < request.spanBytes) {
      const longest = command.longestKey(request);
      const limit = this.keys.keyBytesMax;
      if (limit < longest) return this.#reject(errorReply(keyTooLong(longest, limit)));
    }

    command.callCount++;
    this.commandCount++;
    this.client.lastCommand = command.name;
    if (command.kind === CONTROL) this.#control(command);
    else if (this.multi.active) this.#queue(command, request);
    else if (command.kind === STORE) this.#runInStore(command);
    else this.#runLocally(command);
    return true;
  }

  #rejectUnknown(request: Request): boolean {
    if (!request.is(0, "POST") && !request.is(0, "HOST:")) {
      return this.#reject(unknownCommand(request));
    }
    this.#owner.refuse();
    return true;
  }

  /** Answers that the command cannot be run; if it is EXEC, nothing that was queued is either. */
  #reject(text: string, command?: Command): boolean {
    this.commandCount++;
    if (command?.action.kind === "control" && command.action.control === "exec") {
      this.multi.clear();
      const reason = text.startsWith("ERR ") ? text.slice("ERR ".length) : text;
      this.#error(`EXECABORT Transaction discarded because of: ${reason}`);
      return true;
    }
    if (this.multi.active) this.multi.spoiled = true;
    this.#error(text);
    return true;
  }

  #queue(command: Command, request: Request): void {
    const refusal = this.multi.queue(command, request, this.door.settings.requestBytesMax);
    if (refusal !== undefined) return this.#error(refusal);
    this.reply.status("QUEUED");
    this.#keep();
  }

  #runLocally(command: Command): void {
    command.runLocally(this);
    this.#keep();
  }

  #runInStore(command: Command): void {
    const reason = this.interactive?.aborted;
    if (reason !== undefined) {
      this.#error(errorReply(reason));
      return;
    }
    this.#command = command;
    this.#run(this.#body, command.writes, command.remaps);
  }

  /** The body of a single command. */
  readonly #body: Body = (step) => {
    this.reply.rewind();
    this.keys.begin(step, this.#exact);
    this.keys.use(this.client.database);
    this.#command?.runInStep(step, this);
  };

  readonly #execBody: Body = (step) => {
    this.reply.rewind();
    this.keys.begin(step, this.#exact);
    this.#multiRun.exec(step);
  };

  readonly #watchBody: Body = (step) => {
    this.reply.rewind();
    this.keys.begin(step, this.#exact);
    this.#multiRun.watch(step);
  };

  #run(body: Body, writes: boolean, remaps: boolean): void {
    const runner: Runner & { readonly answerLsn: Lsn } =
      this.interactive?.transaction ?? this.door.store;
    this.#exact = this.interactive !== undefined;
    if (writes) this.wrote = true;
    if (remaps) this.#beginRemap();
    try {
      if (runner.tryRun(body) === MUST_WAIT) this.#wait(runner, body, writes);
      else this.#ran(runner.answerLsn, this.keys);
    } catch (error) {
      this.#failed(error, runner.answerLsn);
    }
  }

  #wait(runner: Runner & { readonly answerLsn: Lsn }, body: Body, writes: boolean): void {
    this.request = this.request.own();
    this.#exact = true;
    this.door.stats.commandsWaited++;
    this.reply.rewind();
    this.#beginWait();
    // Between the end of the body and what follows it other bodies may run, with the same keys.
    const countingBody = (step: Step): KeyCounts => {
      body(step);
      const { hitCount, missCount, expiredCount, wroteDeadline, touched } = this.keys;
      return { hitCount, missCount, expiredCount, wroteDeadline, touched };
    };
    runner.run(countingBody, { timeoutMs: this.door.settings.lockTimeoutMs }).then(
      (counts) => {
        this.#ran(runner.answerLsn, counts);
        this.#endWait(writes);
      },
      (error: unknown) => {
        this.#failed(error, runner.answerLsn);
        this.#endWait(writes);
      },
    );
  }

  /** The command belongs to the turn in which it is answered, not to this one. */
  #beginWait(): void {
    this.waiting = true;
    this.commandCount--;
    this.#owner.beforeWait();
  }

  #endWait(writes: boolean): void {
    this.waiting = false;
    this.commandCount++;
    if (writes) this.wrote = true;
    this.#owner.afterWait();
  }

  #ran(at: Lsn, counts: KeyCounts): void {
    const { interactive } = this;
    const { stats } = this.door;
    stats.keyspaceHits += counts.hitCount;
    stats.keyspaceMisses += counts.missCount;
    stats.keysExpired += counts.expiredCount;
    if (counts.wroteDeadline && interactive !== undefined) interactive.wroteDeadline = true;
    if (counts.touched.length > 0) this.#touch(counts.touched, at);
    this.#endRemap(at);
    this.depend(at);
    this.#multiRun.ended();
    this.#keep();
  }

  #failed(error: unknown, at: Lsn): void {
    // Whatever is no fault is a mistake of ours, and nothing may go on as if it were none.
    if (!(error instanceof Fault)) throw error;
    this.#endRemap(at);
    // Nothing settles any more once the store has failed, so that nothing is waited for.
    if (this.door.store.failure === undefined) this.depend(at);
    this.#multiRun.failed();
    this.#error(errorReply(error));
  }

  #touch(names: readonly string[], at: Lsn): void {
    if (this.interactive === undefined) this.door.watches.touch(names, at);
    else this.interactive.touch(names);
  }

  depend(at: Lsn): void {
    const { changedAt } = this.keys.databases;
    if (this.needs < at) this.needs = at;
    if (this.needs < changedAt) this.needs = changedAt;
  }

  #beginRemap(): void {
    if (this.interactive === undefined) {
      this.#remaps = true;
      this.keys.databases.beginChange();
    } else {
      this.interactive.remap();
    }
  }

  /** By now the transaction that the command was part of may be over, and has ended its own. */
  #endRemap(at: Lsn): void {
    if (!this.#remaps) return;
    this.#remaps = false;
    this.keys.databases.endChange(at);
  }

  #error(text: string): void {
    this.reply.rewind();
    this.reply.error(text);
    this.#keep();
  }

  #keep(): void {
    const { client, reply } = this;
    if (client.replyMode === "on") {
      reply.keep();
      return;
    }
    reply.rewind();
    if (client.replyMode === "skip next") client.replyMode = "skip";
    else if (client.replyMode === "skip") client.replyMode = "on";
  }

  #control(command: Command): void {
    if (command.action.kind !== "control") return;
    const { control } = command.action;
    const refusal = refuseControl(control, {
      inMulti: this.multi.active,
      inBegin: this.interactive !== undefined,
      watchedCount: this.multi.watchedCount,
      keyCount: this.request.count - 1,
    });
    if (refusal === undefined) {
      this.#perform(control, command);
    } else {
      if (refusal.spoilsMulti) this.multi.spoiled = true;
      this.#error(refusal.text);
    }
  }

  #perform(control: Control, command: Command): void {
    switch (control) {
      case "multi":
        this.multi.active = true;
        this.#ok();
        break;
      case "exec":
        this.#exec();
        break;
      case "discard":
        this.multi.clear();
        this.#ok();
        break;
      case "watch":
        this.#multiRun.beginWatch();
        this.#run(this.#watchBody, false, false);
        break;
      case "unwatch":
        this.#unwatch(command);
        break;
      case "begin":
        this.#begin();
        break;
      case "commit":
        this.#commit();
        break;
      case "rollback":
        this.#rollback();
        break;
      case "quit":
        this.closing = true;
        this.#ok();
        break;
      case "reset":
        this.#reset();
        break;
    }
  }

  #ok(): void {
    this.reply.ok();
    this.#keep();
  }

  #exec(): void {
    const { multi } = this;
    if (multi.spoiled) {
      multi.clear();
      this.#error("EXECABORT Transaction discarded because of previous errors.");
    } else {
      this.#multiRun.beginExec();
      this.#run(this.#execBody, multi.writes, multi.remaps);
    }
  }

  #unwatch(command: Command): void {
    if (this.multi.active) {
      this.#queue(command, this.request);
    } else {
      this.multi.unwatch();
      this.#ok();
    }
  }

  #begin(): void {
    const timeoutMs = this.door.settings.transactionTimeoutMs;
    try {
      const transaction = this.door.store.begin({ timeoutMs, ...this.#earlier });
      this.interactive = new Interactive(this.door, transaction);
      this.#ok();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#error(errorReply(error));
    }
  }

  #commit(): void {
    const { interactive } = this;
    if (interactive === undefined) return;
    const reason = interactive.aborted;
    this.interactive = undefined;
    if (reason === undefined) this.#awaitCommit(interactive);
    else this.#aborted(interactive, reason);
  }

  #awaitCommit(interactive: Interactive): void {
    this.#beginWait();
    interactive.commit().then(
      (at) => {
        this.door.stats.transactionsCommitted++;
        this.#earlier = undefined;
        this.depend(at);
        this.#ok();
        this.#endWait(true);
      },
      (error: unknown) => {
        if (!(error instanceof Fault)) throw error;
        this.#aborted(interactive, error);
        this.#endWait(true);
      },
    );
  }

  /** The transaction came to nothing. If another was in its way, the next attempt is older. */
  #aborted(interactive: Interactive, reason: Error): void {
    this.#countAbort(interactive);
    interactive.rollback();
    this.depend(interactive.transaction.answerLsn);
    this.#error(errorReply(reason));
  }

  #countAbort(interactive: Interactive): void {
    this.door.stats.transactionsAborted++;
    const attempts = (this.#earlier?.attempts ?? 0) + 1;
    this.#earlier = { age: interactive.transaction.age, attempts };
  }

  #rollback(): void {
    const { interactive } = this;
    if (interactive === undefined) return;
    if (interactive.aborted === undefined) this.#earlier = undefined;
    else this.#countAbort(interactive);
    this.door.stats.transactionsRolledBack++;
    this.interactive = undefined;
    interactive.rollback();
    this.depend(interactive.transaction.answerLsn);
    this.#ok();
  }

  #reset(): void {
    this.#endInteractive();
    this.multi.clear();
    this.client.reset(this.door.settings.password === undefined);
    this.reply.protocol = 2;
    this.reply.status("RESET");
    this.#keep();
  }
}
