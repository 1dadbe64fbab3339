/**
 * What Redis clients do in a run, and what they know of it afterwards: money moves by BEGIN and
 * COMMIT and by WATCH and MULTI, counters rise, strings grow, and keys are taken once for all.
 */

import type { SeededRandom } from "../../../base/random.ts";
import { digits } from "../rows.ts";
import { type RedisClient, RefusedCommand, textOf } from "./redis-client.ts";

const ACCOUNTS = Array.from({ length: 8 }, (_, index) => `account:${digits(index)}`);
const COUNTERS = ["counter:a", "counter:b"];
const STRINGS = ["string:a", "string:b"];
const CLAIMS = 400;
const BALANCE = 100;
const TOTAL = ACCOUNTS.length * BALANCE;

export interface RedisActor {
  readonly name: string;
  readonly random: SeededRandom;
  readonly think: () => Promise<void>;
  readonly violated: (what: string) => void;
}

/** What the clients were told, together. */
export class RedisLedger {
  readonly #tried = new Map<string, number>();
  readonly #told = new Map<string, number>();
  readonly #appended: { readonly key: string; readonly text: string }[] = [];
  /** Each is known to be taken, since a client took it or was told that another had. */
  readonly #taken = new Set<string>();
  readonly #owners = new Map<string, string>();
  #count = 0;

  async setUp(client: RedisClient): Promise<void> {
    const pairs = ACCOUNTS.flatMap((account) => [account, BALANCE]);
    await client.ask(["MSETNX", ...pairs]);
  }

  async act(client: RedisClient, actor: RedisActor): Promise<void> {
    const choice = actor.random.below(12);
    if (choice < 3) await this.#transfer(client, actor);
    else if (choice < 5) await this.#watchedTransfer(client, actor);
    else if (choice < 7) await this.#increment(client, actor);
    else if (choice < 9) await this.#append(client, actor);
    else if (choice < 11) await this.#take(client, actor);
    else await this.#look(client, actor);
  }

  async check(client: RedisClient, actor: RedisActor): Promise<void> {
    await this.#look(client, actor);
    for (const key of COUNTERS) {
      const value = Number((await client.text("GET", key)) ?? 0);
      const [least, most] = [this.#told.get(key) ?? 0, this.#tried.get(key) ?? 0];
      if (value < least || most < value) {
        actor.violated(`${key} is ${value}, and must be from ${least} to ${most}`);
      }
    }
    for (const key of STRINGS) {
      const parts = ((await client.text("GET", key)) ?? "").split(",").slice(1);
      if (new Set(parts).size !== parts.length) actor.violated(`${key} has a part twice`);
      for (const { key: itsKey, text } of this.#appended) {
        if (itsKey === key && !parts.includes(text)) actor.violated(`${key} has lost ${text}`);
      }
    }
    for (const key of this.#taken) {
      const owner = await client.text("GET", key);
      const known = this.#owners.get(key);
      if (owner === undefined) actor.violated(`${key} was taken, and is free again`);
      if (known !== undefined && known !== owner) {
        actor.violated(`${key} is ${owner}'s, and was given to ${known}`);
      }
    }
  }

  async #transfer(client: RedisClient, actor: RedisActor): Promise<void> {
    const [from, to, amount] = order(actor);
    await client.ask(["BEGIN"]);
    try {
      const had = Number(await client.text("GET", from));
      await actor.think();
      const has = Number(await client.text("GET", to));
      if (had < amount) {
        await client.ask(["ROLLBACK"]);
        return;
      }
      await client.ask(["SET", from, had - amount], ["SET", to, has + amount]);
      await actor.think();
      await client.ask(["COMMIT"]);
    } catch (error) {
      // Whoever gave way has to say that it knows.
      if (error instanceof RefusedCommand) await client.ask(["ROLLBACK"]).catch(ifRefused);
      throw error;
    }
  }

  async #watchedTransfer(client: RedisClient, actor: RedisActor): Promise<void> {
    const [from, to, amount] = order(actor);
    await client.ask(["WATCH", from, to]);
    const had = Number(await client.text("GET", from));
    const has = Number(await client.text("GET", to));
    await actor.think();
    if (had < amount) {
      await client.ask(["UNWATCH"]);
      return;
    }
    const commands = [["MULTI"], ["DECRBY", from, amount], ["SET", to, has + amount], ["EXEC"]];
    const reply = await client.ask(...commands);
    if (reply.kind !== "nil" && reply.kind !== "array") actor.violated(`EXEC gave ${reply.kind}`);
  }

  async #increment(client: RedisClient, actor: RedisActor): Promise<void> {
    const key = oneOf(actor, COUNTERS);
    add(this.#tried, key);
    const value = Number(await client.text("INCR", key));
    add(this.#told, key);
    const tried = this.#tried.get(key) ?? 0;
    if (tried < value) actor.violated(`${key} is ${value} after ${tried} at most`);
  }

  async #append(client: RedisClient, actor: RedisActor): Promise<void> {
    const key = oneOf(actor, STRINGS);
    const text = `${actor.name}.${++this.#count}`;
    await client.ask(["APPEND", key, `,${text}`]);
    this.#appended.push({ key, text });
  }

  async #take(client: RedisClient, actor: RedisActor): Promise<void> {
    const key = `claim:${actor.random.below(CLAIMS)}`;
    const owner = `${actor.name}.${++this.#count}`;
    const reply = await client.ask(["SET", key, owner, "NX"]);
    this.#taken.add(key);
    if (textOf(reply) === undefined) return;
    const other = this.#owners.get(key);
    if (other !== undefined) actor.violated(`${key} was given to ${other} and to ${owner}`);
    this.#owners.set(key, owner);
  }

  async #look(client: RedisClient, actor: RedisActor): Promise<void> {
    const reply = await client.ask(["MGET", ...ACCOUNTS]);
    if (reply.kind !== "array") return;
    const sum = reply.items.reduce((before, item) => before + Number(textOf(item)), 0);
    if (sum !== TOTAL) actor.violated(`the accounts hold ${sum} instead of ${TOTAL}`);
  }
}

function ifRefused(error: unknown): void {
  if (!(error instanceof RefusedCommand)) throw error;
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function oneOf({ random }: RedisActor, keys: readonly string[]): string {
  return keys[random.below(keys.length)] ?? "";
}

function order(actor: RedisActor): readonly [string, string, number] {
  const from = actor.random.below(ACCOUNTS.length);
  const to = (from + 1 + actor.random.below(ACCOUNTS.length - 1)) % ACCOUNTS.length;
  return [ACCOUNTS[from] ?? "", ACCOUNTS[to] ?? "", 1 + actor.random.below(BALANCE / 2)];
}
