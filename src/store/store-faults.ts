/** What a store tells when it stops, or when its disk has no room. */

import { Fault, messageOf } from "../base/fault.ts";
import type { Volume } from "../volume/volume.ts";

export function stopped(volume: Volume, error: Error): Fault {
  return new Fault(
    "ERR_UNAVAILABLE",
    `The store on "${volume.name}" stopped: ${messageOf(error)}. What was acknowledged is on the ` +
      "volume; mend the cause and open it again",
    { volume: volume.name },
    error,
  );
}

export function full(volume: Volume, cause: Fault): Fault {
  return new Fault(
    "ERR_FULL",
    `No room is left on "${volume.name}": delete rows, which is still possible, or make room on ` +
      "the disk",
    { volume: volume.name },
    cause,
  );
}

export function tooLongForDisk(volume: Volume, cause: Fault): Fault {
  return new Fault(
    "ERR_FULL",
    `The disk of "${volume.name}" has no room for a log of what this transaction writes: split ` +
      "it, or make room on the disk",
    { volume: volume.name },
    cause,
  );
}

export function noRoomForCheckpoint(volume: Volume, cause: Fault): Fault {
  return new Fault(
    "ERR_FULL",
    `The disk of "${volume.name}" has no room for what is to be written to it: make room, and ` +
      "try again. What was acknowledged is safe",
    { volume: volume.name },
    cause,
  );
}
