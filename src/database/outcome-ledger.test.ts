import { expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import { createShadowStore } from "../shadow/shadow-store.ts";
import type { Engine } from "../transactions/engine.ts";
import { type LedgerSession, OutcomeLedger } from "./outcome-ledger.ts";
import { SettleQueue } from "./settle-queue.ts";
import { completeSettings } from "./settings.ts";
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

function named(session: LedgerSession, sequence: number): TransactionId {
  return { session: session.number, sequence, secret: new Uint8Array(16).fill(sequence) };
}

function commit(engine: Engine, session: LedgerSession, id: TransactionId): string {
  try {
    engine.tryRun((step) => session.write(step, id));
    return "committed";
  } catch (error) {
    return isFault(error) ? error.code : String(error);
  }
}

async function withLedger(
  main: (ledger: OutcomeLedger, engine: Engine) => Promise<void>,
): Promise<void> {
  const simulation = makeSimulation(1);
  await simulation.run(async () => {
    const { world } = simulation.node("a");
    const engine = await createShadowStore(world, "/store");
    await main(
      new OutcomeLedger(world, engine, new SettleQueue(engine), completeSettings()),
      engine,
    );
  });
}
