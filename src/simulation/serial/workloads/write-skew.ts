/**
 * Doctors on call: one of each pair may leave as long as the other stays. Two who look at once and
 * both leave are the write skew, which no lock on what is written prevents.
 */

import type { Step } from "../../../transactions/step.ts";
import { digits, read, write } from "../rows.ts";
import type { SerialClient, Workload } from "../workload.ts";

const THINK_MS = 3;
const ON = "on call";
const OFF = "at home";

export function writeSkew(pairCount: number): Workload {
  return {
    name: "write-skew",
    spread: Array.from({ length: pairCount }, (_, pair) => doctors(pair)).flat(),
    setup: async (client) => {
      await client.run((step) => {
        if (read(step, doctors(0)[0]) !== undefined) return;
        for (let pair = 0; pair < pairCount; pair++) {
          for (const doctor of doctors(pair)) write(step, doctor, ON);
        }
      });
    },
    act: async (client) => {
      const pair = client.random.below(pairCount);
      const choice = client.random.below(10);
      const mine = client.random.chance(50) ? 0 : 1;
      if (choice < 4) await client.run((step) => change(step, client, pair, mine));
      else if (choice < 8) await slowChange(client, pair);
      else {
        const look = (step: Step): boolean => doctors(pair).some((doctor) => isOn(step, doctor));
        const onCall =
          choice === 8 ? await client.run(look) : await client.snapshot((view) => view.run(look));
        requireOne(client, pair, onCall);
      }
    },
    check: async (client) => {
      for (let pair = 0; pair < pairCount; pair++) {
        const onCall = await client.run((step) => doctors(pair).some((one) => isOn(step, one)));
        requireOne(client, pair, onCall);
      }
    },
  };
}

function doctors(pair: number): readonly [string, string] {
  return [`skew/${digits(pair)}/a`, `skew/${digits(pair)}/b`];
}

function isOn(step: Step, doctor: string): boolean {
  return read(step, doctor)?.startsWith(ON) ?? false;
}

function requireOne(client: SerialClient, pair: number, onCall: boolean): void {
  if (!onCall) client.violated(`nobody of pair ${pair} is on call`);
}

function change(step: Step, client: SerialClient, pair: number, mine: 0 | 1): void {
  const [first, second] = doctors(pair);
  const [self, other] = mine === 0 ? [first, second] : [second, first];
  const leaves = isOn(step, self) && isOn(step, other);
  write(step, self, `${leaves ? OFF : ON} ${client.unique()}`);
}

async function slowChange(client: SerialClient, pair: number): Promise<void> {
  const [first, second] = doctors(pair);
  const [self, other] = client.random.chance(50) ? [first, second] : [second, first];
  await client.transact(async (transaction) => {
    const otherStays = await transaction.run((step) => isOn(step, other));
    await client.think(THINK_MS);
    const leaves = (await transaction.run((step) => isOn(step, self))) && otherStays;
    await client.think(THINK_MS);
    const value = `${leaves ? OFF : ON} ${client.unique()}`;
    await transaction.run((step) => write(step, self, value));
  });
}
