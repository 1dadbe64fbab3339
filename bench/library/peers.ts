/** The embedded stores under measurement, in the order of the columns. */

import { holdfastPeer } from "./holdfast-peer.ts";
import { levelPeer } from "./level-peer.ts";
import { lmdbPeer } from "./lmdb-peer.ts";
import type { Peer } from "./peer.ts";
import { sqlitePeer } from "./sqlite-peer.ts";

export const peers: readonly Peer[] = [sqlitePeer, lmdbPeer, levelPeer, holdfastPeer];
