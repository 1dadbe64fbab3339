/** A door for HTTP and what its node says of itself, for the tests of what it answers. */

import type { HttpDoorOptions } from "./http-door.ts";
import type { NodeState, NodeStatus } from "./node-health.ts";

export const localDoor: HttpDoorOptions = {
  host: "127.0.0.1",
  port: 0,
  allowedHosts: ["db.example"],
  password: undefined,
};

export function nodeStatus(state: NodeState): NodeStatus {
  return {
    state,
    reason: state === "ready" ? undefined : "the disk is gone",
    version: "1.2.3",
    pid: 1,
    startedAt: "2026-01-01T00:00:00.000Z",
    dataDirectory: "/data",
    host: "127.0.0.1",
    port: 7379,
    array: undefined,
    figures: {},
  };
}
