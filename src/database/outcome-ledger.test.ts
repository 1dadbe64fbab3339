import { expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";
import { createShadowStore } from "../shadow/shadow-store.ts";
import type { Engine } from "../transactions/engine.ts";
import { type LedgerSession, OutcomeLedger } from "./outcome-ledger.ts";
import { SettleQueue } from "./settle-queue.ts";
import { completeSettings, type DatabaseSettings } from "./settings.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { makeSimulation } from "./test-engine.suite.ts";
import type { TransactionId } from "./transaction-id.ts";

test("a commit that arrives after it was asked for is refused, unheard of as it was", async () => {
  await withLedger(async (ledger, engine) => {
    const session = await ledger.openSession();
    const id = named(session, 7);
    expect(await ledger.outcome(id)).toEqual({ outcome: "aborted" });
    session.adopt(id);
    expect(commit(engine, session, id)).toBe("ERR_ABORTED");
    expect(await ledger.outcome(id)).toEqual({ outcome: "aborted" });
  });
});

test("nothing is committed in a session that is over", async () => {
  await withLedger(async (ledger, engine) => {
    const session = await ledger.openSession();
    const [early, late] = [named(session, 1), named(session, 2)];
    expect(commit(engine, session, early)).toBe("committed");
    ledger.closeSession(session);
    expect(commit(engine, session, late)).toBe("ERR_ABORTED");
    expect(await ledger.outcome(early)).toMatchObject({ outcome: "committed" });
    expect(await ledger.outcome(late)).toEqual({ outcome: "aborted" });
  });
});

test("a name of another session is not taken", async () => {
  await withLedger(async (ledger) => {
    const [one, other] = [await ledger.openSession(), await ledger.openSession()];
    expect(other.number).toBe(one.number + 1);
    expect(() => other.adopt(named(one, 1))).toThrow("another session");
  });
});

test("the end of a transaction of another session ends none of this one", async () => {
  await withLedger(
    async (ledger, engine) => {
      const [one, other] = [await ledger.openSession(), await ledger.openSession()];
      const [ended, late] = [one.next(), other.next()];
      other.begin(late);
      other.end(ended);
      other.next();
      expect(commit(engine, other, late)).toBe("committed");
    },
    { outcomesKeptCount: 1 },
  );
});

test("who was asked for stays refused when another of its sequence is asked for", async () => {
  await withLedger(async (ledger, engine) => {
    const session = await ledger.openSession();
    const id = session.next();
    const other = { ...id, secret: new Uint8Array(16).fill(9) };
    expect(await ledger.outcome(id)).toEqual({ outcome: "aborted" });
    expect(await ledger.outcome(other)).toEqual({ outcome: "aborted" });
    expect(commit(engine, session, id)).toBe("ERR_ABORTED");
  });
});

test("a session that was never begun has committed nothing, and may still begin", async () => {
  await withLedger(async (ledger, engine) => {
    const session = await ledger.openSession();
    const future = { ...named(session, 1), session: session.number + 1 };
    expect(await ledger.outcome(future)).toEqual({ outcome: "aborted" });
    const next = await ledger.openSession();
    const id = { ...named(next, 1), secret: new Uint8Array(16).fill(9) };
    expect(commit(engine, next, id)).toBe("committed");
    expect(await ledger.outcome(id)).toMatchObject({ outcome: "committed" });
    expect(await ledger.outcome(future)).toEqual({ outcome: "aborted" });
  });
});

test("of so many the outcome is known, and of those before them forgotten", async () => {
  await withLedger(
    async (ledger, engine) => {
      const session = await ledger.openSession();
      const ids = Array.from({ length: 10 }, () => session.next());
      // One that writes nothing leaves its slot as it was.
      const written = ids.filter((_, index) => index !== 8);
      for (const id of ids) session.begin(id);
      const answers = async (): Promise<string> => {
        const found = ids.map((id) =>
          ledger.outcome(id).then(
            ({ outcome }) => outcome,
            (error: unknown) => codeOf(error),
          ),
        );
        return (await Promise.all(found)).join(" ");
      };
      for (const id of written.toReversed()) expect(commit(engine, session, id)).toBe("committed");
      for (const id of ids) session.end(id);
      const known = Array.from({ length: 8 }, () => "committed").join(" ");
      expect(await answers()).toBe(`${known} aborted committed`);
      const later = Array.from({ length: 3 }, () => session.next());
      for (const id of later) expect(commit(engine, session, id)).toBe("committed");
      for (const id of later) expect((await ledger.outcome(id)).outcome).toBe("committed");
      expect(commit(engine, session, ids[0] as TransactionId)).toBe("ERR_ABORTED");
    },
    { outcomesKeptCount: 4 },
  );
});

test("who ended when its slot was another's is known too, or refused if it was asked for", async () => {
  await withLedger(
    async (ledger, engine) => {
      const session = await ledger.openSession();
      const [slow, asked, idle] = [session.next(), session.next(), session.next()];
      for (const id of [slow, asked, idle]) session.begin(id);
      session.end(idle);
      const quick: TransactionId[] = [];
      for (let count = 0; count < 9; count++) {
        const id = session.next();
        expect(commit(engine, session, id)).toBe("committed");
        quick.push(id);
      }
      expect(await ledger.outcome(asked)).toEqual({ outcome: "aborted" });
      expect(commit(engine, session, asked)).toBe("ERR_ABORTED");
      expect(commit(engine, session, slow)).toBe("committed");
      for (const id of [slow, asked]) session.end(id);
      expect((await ledger.outcome(slow)).outcome).toBe("committed");
      expect(await ledger.outcome(asked)).toEqual({ outcome: "aborted" });
      expect(commit(engine, session, idle)).toBe("ERR_ABORTED");
      expect(await faultOf(ledger.outcome(idle))).toBe("ERR_OUTCOME_FORGOTTEN");
      expect(await faultOf(ledger.outcome(quick[0] as TransactionId))).toBe(
        "ERR_OUTCOME_FORGOTTEN",
      );
    },
    { outcomesKeptCount: 4 },
  );
});

test("who was committed is not taken for aborted when its slot is another's before it ends", async () => {
  await withLedger(
    async (ledger, engine) => {
      const session = await ledger.openSession();
      const first = session.next();
      session.begin(first);
      expect(commit(engine, session, first)).toBe("committed");
      const second = session.next();
      expect(commit(engine, session, second)).toBe("committed");
      expect(await faultOf(ledger.outcome(first))).toBe("ERR_OUTCOME_FORGOTTEN");
      expect((await ledger.outcome(second)).outcome).toBe("committed");
    },
    { outcomesKeptCount: 1 },
  );
});

test("whose outcome makes older ones be forgotten is committed itself", async () => {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    const settings = completeSettings({ outcomesKeptCount: 1 });
    const ledger = new OutcomeLedger(world, engine, new SettleQueue(engine), settings);
    const session = await ledger.openSession();
    const late = Array.from({ length: 2049 }, () => session.next());
    for (const id of late) session.begin(id);
    for (const [index, id] of late.entries()) {
      await engine.run((step) => {
        step.set(Uint8Array.of(1, index >>> 8, index), Uint8Array.of(1));
        session.write(step, id);
      });
    }
    const count = await engine.run((step) => step.count(Uint8Array.of(1)));
    expect(count).toBe(late.length);
    await new Promise<void>((resolve) => world.clock.after(10, resolve));
    for (const id of late) session.end(id);
    expect((await ledger.outcome(late[2000] as TransactionId)).outcome).toBe("committed");
    expect(await faultOf(ledger.outcome(late[0] as TransactionId))).toBe("ERR_OUTCOME_FORGOTTEN");
    await engine.close();
  });
});

test("sessions are forgotten though an older one is in use", async () => {
  await withLedger(
    async (ledger, engine) => {
      const lasting = await ledger.openSession();
      const kept = lasting.next();
      expect(commit(engine, lasting, kept)).toBe("committed");
      const ids: TransactionId[] = [];
      for (let count = 0; count < 9; count++) {
        const session = await ledger.openSession();
        await ledger.whenForgotten();
        for (let nth = 0; nth < 2; nth++) {
          ids.push(session.next());
          expect(commit(engine, session, ids.at(-1) as TransactionId)).toBe("committed");
        }
        ledger.closeSession(session);
      }
      await ledger.whenForgotten();
      const answers = await Promise.all(
        [kept, ...ids].map((id) => ledger.outcome(id).then(({ outcome }) => outcome, codeOf)),
      );
      const forgotten = Array.from({ length: 12 }, () => "ERR_OUTCOME_FORGOTTEN");
      const known = Array.from({ length: 6 }, () => "committed");
      expect(answers).toEqual(["committed", ...forgotten, ...known]);
      // Of one that is over, too, as soon as others come.
      ledger.closeSession(lasting);
      ledger.closeSession(await ledger.openSession());
      await ledger.whenForgotten();
      expect(await faultOf(ledger.outcome(kept))).toBe("ERR_OUTCOME_FORGOTTEN");
      const rows = await engine.run((step) => step.count(Uint8Array.of(0)));
      expect(rows).toBeLessThan(15);
    },
    { sessionsKeptCount: 3 },
  );
});

test("outcomes are found where they are however many are kept by now", async () => {
  await withLedger(async (ledger, engine, again) => {
    const session = await ledger.openSession();
    const ids = Array.from({ length: 40 }, () => session.next());
    for (const id of ids) expect(commit(engine, session, id)).toBe("committed");
    const other = again({ outcomesKeptCount: 3 });
    await other.openSession();
    for (const id of ids) expect((await other.outcome(id)).outcome).toBe("committed");
  });
});

async function faultOf(answer: Promise<unknown>): Promise<string> {
  return await answer.then(() => "none", codeOf);
}

function codeOf(error: unknown): string {
  return isFault(error) ? error.code : String(error);
}

function named(session: LedgerSession, sequence: number): TransactionId {
  return { session: session.number, sequence, secret: new Uint8Array(16).fill(sequence) };
}

function commit(engine: Engine, session: LedgerSession, id: TransactionId): string {
  try {
    engine.tryRun((step) => session.write(step, id));
    return "committed";
  } catch (error) {
    return codeOf(error);
  }
}

async function withLedger(
  main: (ledger: OutcomeLedger, engine: Engine, again: OpenLedger) => Promise<void>,
  settings: Partial<DatabaseSettings> = {},
): Promise<void> {
  const simulation = makeSimulation(1);
  await simulation.run(async () => {
    const { world } = simulation.node("a");
    const engine = await createShadowStore(world, "/store");
    const open: OpenLedger = (given) =>
      new OutcomeLedger(world, engine, new SettleQueue(engine), completeSettings(given));
    await main(open(settings), engine, open);
  });
}

type OpenLedger = (settings: Partial<DatabaseSettings>) => OutcomeLedger;
