/**
 * The numbers of the NBD protocol, fixed newstyle. All of them go over the wire big-endian.
 *
 *     server   8  "NBDMAGIC"         client   4  client flags
 *              8  "IHAVEOPT"
 *              2  handshake flags
 *
 *     client   8  "IHAVEOPT"         server   8  REPLY_MAGIC
 *              4  option                      4  the option that is answered
 *              4  length                      4  type of the reply
 *              n  data                        4  length
 *                                             n  data
 *
 *     client   4  REQUEST_MAGIC      server   4  SIMPLE_MAGIC     or   4  STRUCTURED_MAGIC
 *              2  flags                       4  error                 2  flags
 *              2  command                     8  cookie                2  type of the chunk
 *              8  cookie                      n  data                  8  cookie
 *              8  offset                                               4  length
 *              4  length                                               n  payload
 *              n  data of a write
 */

export const INIT_MAGIC_HIGH = 0x4e42444d;
export const INIT_MAGIC_LOW = 0x41474943;
export const OPTION_MAGIC_HIGH = 0x49484156;
export const OPTION_MAGIC_LOW = 0x454f5054;
export const REPLY_MAGIC_HIGH = 0x0003e889;
export const REPLY_MAGIC_LOW = 0x045565a9;
export const REQUEST_MAGIC = 0x25609513;
export const SIMPLE_MAGIC = 0x67446698;
export const STRUCTURED_MAGIC = 0x668e33ef;

export const GREETING_BYTES = 18;
export const CLIENT_FLAGS_BYTES = 4;
export const OPTION_HEADER_BYTES = 16;
export const OPTION_REPLY_HEADER_BYTES = 20;
export const REQUEST_HEADER_BYTES = 28;
export const SIMPLE_HEADER_BYTES = 16;
export const CHUNK_HEADER_BYTES = 20;

/** The same bits in what the server offers and in what the client takes. */
export const HANDSHAKE = { fixedNewstyle: 1, noZeroes: 2 } as const;

export const OPTION = {
  exportName: 1,
  abort: 2,
  list: 3,
  startTls: 5,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
} as const;

export const OPTION_REPLY = { ack: 1, server: 2, info: 3, metaContext: 4 } as const;

export const OPTION_ERROR = {
  unsupported: 0x8000_0001,
  policy: 0x8000_0002,
  invalid: 0x8000_0003,
  tlsRequired: 0x8000_0005,
  unknown: 0x8000_0006,
  tooBig: 0x8000_0009,
} as const;

export type OptionError = (typeof OPTION_ERROR)[keyof typeof OPTION_ERROR];

export const INFO = { export: 0, name: 1, description: 2, blockSize: 3 } as const;

export const EXPORT_FLAG = {
  hasFlags: 1,
  readOnly: 2,
  flush: 4,
  forceUnitAccess: 8,
  trim: 32,
  writeZeroes: 64,
  dontFragment: 128,
  multiConnection: 256,
  cache: 1024,
  fastZero: 2048,
} as const;

export const COMMAND = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  cache: 5,
  writeZeroes: 6,
  blockStatus: 7,
} as const;

export const COMMAND_FLAG = {
  forceUnitAccess: 1,
  noHole: 2,
  dontFragment: 4,
  requestOne: 8,
  fastZero: 16,
} as const;

export const CHUNK = {
  none: 0,
  data: 1,
  hole: 2,
  blockStatus: 5,
  error: 0x8001,
} as const;

export const CHUNK_FLAG_DONE = 1;

/** Those of Linux, which the protocol took over. */
export const ERROR = {
  notPermitted: 1,
  io: 5,
  noMemory: 12,
  invalid: 22,
  noSpace: 28,
  overflow: 75,
  notSupported: 95,
  shutdown: 108,
} as const;

export type ErrorNumber = (typeof ERROR)[keyof typeof ERROR];

export const ALLOCATION_CONTEXT = "base:allocation";
export const ALLOCATION_CONTEXT_ID = 1;
/** Of an extent in the context `base:allocation`. */
export const EXTENT_FLAG = { hole: 1, zero: 2 } as const;
