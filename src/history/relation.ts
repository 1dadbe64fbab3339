/**
 * Why one transaction must come before another. Relations are bits, so that a set of them is a
 * number.
 *
 * The first four are the dependencies of Adya's theory of isolation; the other two are orders that
 * a database may promise on top: that of a session, and that of real time.
 */

/** The second overwrote a version of the first. */
export const WW = 1;
/** The second read a version of the first. */
export const WR = 2;
/** The first read a version that the second overwrote. */
export const RW = 4;
/** The first looked through a range and did not see what the second put there. */
export const RW_RANGE = 8;
/** Both are of one session, which ran the first before the second. */
export const SESSION = 16;
/** The first had ended when the second began. */
export const REAL_TIME = 32;

export const ANY_RW: number = RW | RW_RANGE;

export type RelationName = "ww" | "wr" | "rw" | "rw-range" | "session" | "real-time";

export function relationName(relation: number): RelationName {
  switch (relation) {
    case WW:
      return "ww";
    case WR:
      return "wr";
    case RW:
      return "rw";
    case RW_RANGE:
      return "rw-range";
    case SESSION:
      return "session";
    default:
      return "real-time";
  }
}
