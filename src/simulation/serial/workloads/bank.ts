/** Money moves between accounts, and is neither made nor lost: the sum is the same for everyone. */

import type { Step } from "../../../transactions/step.ts";
import { digits, read, readForUpdate, write } from "../rows.ts";
import { type ClientTransaction, RolledBack, type SerialClient } from "../workload.ts";
import type { Workload } from "../workload.ts";

const PREFIX = "bank/";
const BALANCE = 100;
const THINK_MS = 4;

export function bank(accountCount: number): Workload {
  const accounts = Array.from({ length: accountCount }, (_, index) => `${PREFIX}${digits(index)}`);
  const total = accountCount * BALANCE;

  const requireTotal = (client: SerialClient, how: string, sum: number): void => {
    if (sum !== total) client.violated(`${how} the accounts hold ${sum} instead of ${total}`);
  };

  const sum = (step: Step): number =>
    accounts.reduce((before, account) => before + balanceIn(read(step, account)), 0);

  const transfer = async (client: SerialClient): Promise<void> => {
    const [from, to, amount] = order(client, accounts);
    const text = client.unique();
    const locks = client.random.chance(50) ? readForUpdate : read;
    await client.run((step) => {
      const left = balanceIn(locks(step, from)) - amount;
      if (left < 0) throw new RolledBack(`${from} holds too little`);
      const had = balanceIn(locks(step, to));
      write(step, from, `${left} ${text}`);
      write(step, to, `${had + amount} ${text}`);
    });
  };

  const slowTransfer = async (client: SerialClient): Promise<void> => {
    const [from, to, amount] = order(client, accounts);
    const text = client.unique();
    await client.transact(async (transaction) => {
      const left = await transaction.run((step) => balanceIn(read(step, from)) - amount);
      await client.think(THINK_MS);
      const had = await transaction.run((step) => balanceIn(readForUpdate(step, to)));
      await transaction.run((step) => write(step, from, `${left} ${text}`));
      await client.think(THINK_MS);
      if (left < 0) throw new RolledBack(`${from} holds too little`);
      await transaction.run((step) => write(step, to, `${had + amount} ${text}`));
    });
  };

  const look = async (client: SerialClient): Promise<void> => {
    if (client.random.chance(50)) requireTotal(client, "at once", await client.run(sum));
    else requireTotal(client, "in a snapshot", await client.snapshot((view) => view.run(sum)));
  };

  /** Reads account by account, with time for others between. */
  const lookSlowly = async (client: SerialClient): Promise<void> => {
    const slowly = async (view: ClientTransaction): Promise<number> => {
      let found = 0;
      for (const account of accounts) {
        found += await view.run((step) => balanceIn(read(step, account)));
        if (client.random.chance(10)) await client.think(THINK_MS);
      }
      return found;
    };
    if (client.random.chance(50)) requireTotal(client, "slowly", await client.transact(slowly));
    else requireTotal(client, "slowly in a snapshot", await client.snapshot(slowly));
  };

  return {
    name: "bank",
    spread: accounts,
    setup: async (client) => {
      await client.run((step) => {
        if (read(step, accounts[0] ?? "") !== undefined) return;
        for (const account of accounts) write(step, account, `${BALANCE}`);
      });
    },
    act: async (client) => {
      const choice = client.random.below(20);
      if (choice < 9) await transfer(client);
      else if (choice < 16) await slowTransfer(client);
      else if (choice < 19) await look(client);
      else await lookSlowly(client);
    },
    check: async (client) => {
      requireTotal(client, "at the end", await client.run(sum));
      const lowest = await client.run((step) =>
        Math.min(...accounts.map((account) => balanceIn(read(step, account)))),
      );
      if (lowest < 0) client.violated(`an account holds ${lowest}`);
    },
  };
}

function balanceIn(value: string | undefined): number {
  return Number.parseInt(value ?? "NaN", 10);
}

function order(client: SerialClient, accounts: readonly string[]): [string, string, number] {
  const from = client.random.below(accounts.length);
  const to = (from + 1 + client.random.below(accounts.length - 1)) % accounts.length;
  return [accounts[from] ?? "", accounts[to] ?? "", 1 + client.random.below(BALANCE / 2)];
}
