/** The World on Node: real files, sockets, time and randomness. */

import { crc32 } from "node:zlib";
import { bestChecksums } from "../base/checksums.ts";
import type { Trace, World } from "../world/world.ts";
import { HostClock } from "./host-clock.ts";
import { HostFiles } from "./host-files.ts";
import { HostNetwork } from "./host-network.ts";
import { hostProcess } from "./host-process.ts";
import { HostRandom } from "./host-random.ts";

const silence: Trace = { event: () => undefined };

/** `trace` hears of events; without it they cost nothing. */
export function hostWorld(trace: Trace = silence): World {
  const random = new HostRandom();
  return {
    clock: new HostClock(),
    random,
    files: new HostFiles(),
    network: new HostNetwork(random),
    // Node's own has been there since 20.15; the types agree but for `Buffer`.
    checksums: bestChecksums(crc32),
    trace,
    process: hostProcess(),
  };
}
