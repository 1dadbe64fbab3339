/**
 * What commands do with their keys, as COMMAND INFO tells it: RO reads, RW reads and writes, OW
 * overwrites, RM removes; and whether data is accessed, updated, inserted or deleted. A command
 * that does different things with different keys has a use for each, with bars between.
 */

const USES: Readonly<Record<string, string>> = {
  append: "RW insert",
  copy: "RO access | OW update",
  decr: "RW access update",
  decrby: "RW access update",
  del: "RM delete",
  exists: "RO",
  expire: "RW update",
  expireat: "RW update",
  expiretime: "RO access",
  get: "RO access",
  getdel: "RW access delete",
  getex: "RW access update",
  getrange: "RO access",
  getset: "RW access update",
  incr: "RW access update",
  incrby: "RW access update",
  incrbyfloat: "RW access update",
  "memory|usage": "RO",
  mget: "RO access",
  move: "RW access update",
  mset: "OW update",
  msetnx: "OW insert",
  "object|encoding": "RO",
  "object|freq": "RO",
  "object|refcount": "RO",
  persist: "RW update",
  pexpire: "RW update",
  pexpireat: "RW update",
  pexpiretime: "RO access",
  psetex: "OW update",
  pttl: "RO access",
  rename: "RW access delete | OW update",
  renamenx: "RW access delete | OW insert",
  set: "RW access update variable_flags",
  setex: "OW update",
  setnx: "OW insert",
  setrange: "RW update",
  strlen: "RO",
  substr: "RO access",
  touch: "RO",
  ttl: "RO access",
  type: "RO",
  unlink: "RM delete",
  watch: "RO",
};

/** What is said of them in words. */
const NOTES: Readonly<Record<string, string>> = {
  getex: "RW and UPDATE because it changes the TTL",
  set: "RW and ACCESS due to the optional `GET` argument",
};

/** What the command of this name does with its keys; undefined if it has none. */
export function keyUsesOf(name: string): readonly (readonly string[])[] | undefined {
  return USES[name]?.split(" | ").map((use) => use.split(" "));
}

export function keyNoteOf(name: string): string | undefined {
  return NOTES[name];
}
