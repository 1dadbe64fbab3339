/** Makes a database of a store that this process has open. */

import type { Engine } from "../transactions/engine.ts";
import type { World } from "../world/world.ts";
import { Database } from "./database.ts";
import { LocalSession } from "./local-session.ts";
import { RowValues } from "./row-values.ts";
import { completeSettings, type DatabaseSettings } from "./settings.ts";
import { StoreHolder } from "./store-holder.ts";
import { type ValueCodec, ValueFormat } from "./value-codec.ts";

/** How values are encoded, where errors go, and the limits. */
export interface DatabaseOptions extends Partial<DatabaseSettings> {
  /** Turns values that are neither bytes nor counters into bytes and back. */
  readonly codec?: ValueCodec | undefined;
  /** Codecs that were in force before, whose values may still be there. */
  readonly otherCodecs?: readonly ValueCodec[] | undefined;
  /**
   * Hears of what callbacks of `afterCommit` threw. If it is left out, they are thrown where nobody
   * can catch them, as other errors of callbacks are.
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** The database closes the engine at its own end. */
export async function openDatabase(
  world: World,
  engine: Engine,
  options: DatabaseOptions = {},
): Promise<Database> {
  const settings = completeSettings(options);
  const session = await holdEngine(world, engine, settings);
  return new Database(
    world,
    session,
    valuesFor(world, settings, options),
    onErrorOf(world, options),
  );
}

/** The first session with a store that was just opened, which is closed if there is none. */
export async function holdEngine(
  world: World,
  engine: Engine,
  settings: DatabaseSettings,
): Promise<LocalSession> {
  try {
    const holder = new StoreHolder(world, engine, settings);
    const session = new LocalSession(holder, await holder.ledger.openSession());
    await holder.sweep.start();
    return session;
  } catch (error) {
    await engine.close();
    throw error;
  }
}

export function valuesFor(
  world: World,
  settings: DatabaseSettings,
  { codec, otherCodecs }: DatabaseOptions,
): RowValues {
  return new RowValues(settings, new ValueFormat(codec, otherCodecs), world.clock);
}

export function onErrorOf(world: World, { onError }: DatabaseOptions): (error: unknown) => void {
  const rethrow = (error: unknown): void => {
    world.clock.soon(() => {
      throw error;
    });
  };
  return onError ?? rethrow;
}
