/**
 * Writes a sample of what a server runs to a file, one transaction a line, for `holdfast check
 * FILE --workload recorded`. The file is begun anew at every start, since positions and sessions of
 * one run are not those of another.
 */

import { createWriteStream, type WriteStream } from "node:fs";
import { once } from "node:events";
import { Fault, messageOf } from "../base/fault.ts";
import { encodeRecorded } from "../base/recorded-events.ts";
import type { Engine } from "../transactions/engine.ts";
import { RecordingEngine } from "../transactions/recording-engine.ts";
import type { World } from "../world/world.ts";

/** Records that the disk has not taken are kept up to here; more are left out and counted. */
const WAITING_BYTES_MAX = 16 << 20;

export interface RecordedTraffic {
  readonly engine: Engine;
  /** Records that were left out because the file could not be written as fast. */
  readonly leftOutCount: () => number;
  close(): Promise<void>;
}

/** One transaction in `oneIn` that runs on the engine which is returned goes to the file. */
export async function recordTraffic(
  world: World,
  engine: Engine,
  path: string,
  oneIn: number,
): Promise<RecordedTraffic> {
  const file = createWriteStream(path, { mode: 0o600 });
  await opened(file, path);
  let leftOut = 0;
  let failure: Error | undefined;
  file.on("error", (error) => {
    failure = error;
    world.trace.event("record-failed", { path, error: error.message });
  });
  const random = world.random.stream("record");
  const recording = new RecordingEngine(engine, {
    oneIn,
    below: (limit) => random.below(limit),
    record: (transaction) => {
      if (failure !== undefined || file.writableLength > WAITING_BYTES_MAX) leftOut++;
      else file.write(`${encodeRecorded(transaction)}\n`);
    },
  });
  const close = async (): Promise<void> => {
    if (failure !== undefined) return;
    file.end();
    await once(file, "close");
  };
  return { engine: recording, leftOutCount: () => leftOut, close };
}

async function opened(file: WriteStream, path: string): Promise<void> {
  try {
    await once(file, "open");
  } catch (error) {
    const message = `cannot record to "${path}": ${messageOf(error)}; name a file to be written`;
    throw new Fault("ERR_ARGUMENT", message, { path }, error);
  }
}
