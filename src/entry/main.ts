/**
 * What `import ... from "holdfast"` gives: a transactional key-value store in a directory, durable
 * and serializable. Begin with `open`.
 */

export { open, type OpenArrayOptions, type OpenOptions } from "./open.ts";
export {
  Fault as HoldfastError,
  type FaultCode,
  isFault as isHoldfastError,
} from "../base/fault.ts";
export { Atomic, type AtomicAnswer } from "../database/atomic.ts";
export { Database, type DatabaseStats } from "../database/database.ts";
export type { DatabaseOptions } from "../database/open-database.ts";
export type { Entry, ScannedRow, SetOptions } from "../database/row-values.ts";
export { Scan, type ScanOptions } from "../database/scan.ts";
export { NOT_IN_MEMORY } from "../database/session.ts";
export { type DatabaseSettings, defaultDatabaseSettings } from "../database/settings.ts";
export { Snapshot } from "../database/snapshot.ts";
export type { TransactionBody } from "../database/transact.ts";
export type { TransactOptions } from "../database/transact-options.ts";
export { type AfterCommit, Transaction } from "../database/transaction.ts";
export type { Key, KeyPart } from "../database/tuple.ts";
export { Uuid } from "../database/uuid.ts";
export type { ValueCodec } from "../database/value-codec.ts";
export type { Version } from "../database/version.ts";
export {
  Watch,
  type WatchedChange,
  type WatchOptions,
  type WatchTarget,
} from "../database/watch.ts";
export type { RaidLevel } from "../raid/geometry.ts";
export { defaultStoreOptions, type StoreOptions } from "../store/options.ts";
