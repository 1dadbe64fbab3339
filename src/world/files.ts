/**
 * Files and directories as the World offers them. Every failure is a `Fault`: `ERR_FULL` when no
 * room was left, `ERR_IO` otherwise, with the operating system's code in `details.errno`.
 *
 * What survives a loss of power is only what was synced: a file's bytes by `sync` or a durable
 * write, a name by `syncDirectory` of the directory that holds it.
 */

export interface Files {
  /**
   * `read`: must exist. `write`: must exist, read and written. `create`: must not exist, made with
   * access for the owner alone.
   */
  open(path: string, mode: "read" | "write" | "create"): Promise<File>;
  rename(from: string, to: string): Promise<void>;
  /** Makes a second name for a file; `false` if `to` exists already. */
  link(from: string, to: string): Promise<boolean>;
  /** `false` if there was none. */
  remove(path: string): Promise<boolean>;
  /** Makes the directory and those above it, with access for the owner alone. */
  makeDirectory(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
  /** The names in a directory, sorted, or undefined if it does not exist. */
  list(path: string): Promise<readonly string[] | undefined>;
  kind(path: string): Promise<"file" | "directory" | "other" | undefined>;
  /** How much more the file system takes that holds the path; infinite where it doesn't say. */
  freeBytes(path: string): Promise<number>;
}

export interface File {
  sizeBytes(): Promise<number>;
  /** Fills `target` from the position `at`; the count of bytes read, less only at the end. */
  read(at: number, target: Uint8Array): Promise<number>;
  /** Resolves when all of `source` was taken, not yet durable. It must not change before. */
  write(at: number, source: Uint8Array): Promise<void>;
  /** As `write`, and resolves when these bytes would survive a loss of power. */
  writeDurable(at: number, source: Uint8Array): Promise<void>;
  /** As `writeDurable`, and blocks the thread until it is done. */
  writeDurableNow(at: number, source: Uint8Array): void;
  /** Resolves when every write that resolved before the call would survive a loss of power. */
  sync(): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  close(): Promise<void>;
}
