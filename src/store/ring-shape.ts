/**
 * How the ring of a store's log is divided into segments, and how much of it a store keeps.
 *
 * A segment is whole pages and whole write units of whatever volume. A ring of 256 MiB has 64
 * segments of 4 MiB, one of 4 MiB 64 of 64 KiB.
 */

import { SEGMENT_COUNT_MAX } from "../log/log-zone.ts";

/** As many bytes as a write unit can have; whole pages, too. */
const STEP_BYTES = 65536;
/** What a store keeps of its ring when it is closed, and begins with, within limits. */
const KEPT_BYTES_MAX: number = 16 << 20;
const KEPT_SHARE = 4;
const KEPT_SEGMENTS_MIN = 4;

export interface RingShape {
  readonly ringBytes: number;
  readonly segmentBytes: number;
}

/** Of a ring of so many bytes, or somewhat less: whole segments. */
export function ringShape(logBytes: number): RingShape {
  const segmentBytes = Math.ceil(logBytes / SEGMENT_COUNT_MAX / STEP_BYTES) * STEP_BYTES;
  return { ringBytes: Math.floor(logBytes / segmentBytes) * segmentBytes, segmentBytes };
}

/** How many segments have places while little of the log is live. */
export function keptSegments({ ringBytes, segmentBytes }: RingShape): number {
  const wanted = Math.floor(Math.min(KEPT_BYTES_MAX, ringBytes / KEPT_SHARE) / segmentBytes);
  return Math.min(ringBytes / segmentBytes, Math.max(wanted, KEPT_SEGMENTS_MIN));
}
