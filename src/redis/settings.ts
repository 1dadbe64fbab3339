/** The settings of the Redis door, with their units and their one place for defaults. */

export interface RedisServerOptions {
  /** Of Holdfast, for INFO and HELLO. */
  readonly version: string;
  /** What AUTH must give; undefined: everybody is let in. */
  readonly password: string | undefined;
  readonly databaseCount: number;
  readonly connectionCountMax: number;
  /** The longest encoded key of the store; a client's key is a little shorter. */
  readonly encodedKeyBytesMax: number;
  /** The longest argument, and the longest value: `proto-max-bulk-len`. */
  readonly bulkBytesMax: number;
  /** The longest request, and the most that MULTI may queue. */
  readonly requestBytesMax: number;
  /** A connection with more unread replies is closed. */
  readonly outputBytesMax: number;
  /** A connection with more unread replies is not read from until some are read. */
  readonly outputPauseBytes: number;
  /** A connection that is silent for so long is closed; 0: never. */
  readonly idleTimeoutMs: number;
  /** A request that takes longer to arrive, or replies that long unread, close the connection. */
  readonly requestTimeoutMs: number;
  /** A connection that has not given the password by then is closed. */
  readonly authTimeoutMs: number;
  /** The longest a command waits for locks and pages. */
  readonly lockTimeoutMs: number;
  /** The longest a transaction between BEGIN and COMMIT may last. */
  readonly transactionTimeoutMs: number;
  /** How many SCAN cursors are remembered. */
  readonly cursorCountMax: number;
  /** What INFO tells of the process; the core does not know. */
  readonly process?: () => ProcessFacts;
  /** How many backups hold everything that is settled, for WAIT. */
  readonly backupCount?: () => number;
}

export interface ProcessFacts {
  readonly memoryBytes: number;
  readonly memoryBytesMax: number;
  readonly cpuUserSeconds: number;
  readonly cpuSystemSeconds: number;
}

export const defaultRedisServerOptions: RedisServerOptions = {
  version: "0.0.0",
  password: undefined,
  databaseCount: 16,
  connectionCountMax: 10_000,
  encodedKeyBytesMax: 8192,
  bulkBytesMax: 64 << 20,
  requestBytesMax: 256 << 20,
  outputBytesMax: 256 << 20,
  outputPauseBytes: 1 << 20,
  idleTimeoutMs: 0,
  requestTimeoutMs: 60_000,
  authTimeoutMs: 10_000,
  lockTimeoutMs: 10_000,
  transactionTimeoutMs: 30_000,
  cursorCountMax: 4096,
};

/** What CONFIG SET may change while the door is open. */
export type Settings = { -readonly [Name in keyof RedisServerOptions]: RedisServerOptions[Name] };
