/** The settings of the NBD server, with their units and their one place for defaults. */

/** `optional`: who wants TLS gets it. `required`: nothing is served without. */
export type TlsPolicy = "off" | "optional" | "required";

export interface NbdServerOptions {
  readonly connectionCountMax: number;
  /** The most bytes that one request may read or write. */
  readonly requestBytesMax: number;
  /** How many requests of one connection are worked on at once; the rest wait. */
  readonly inFlightCountMax: number;
  /** How many bytes of one connection's requests are worked on at once; at least one request is. */
  readonly inFlightBytesMax: number;
  /** A connection with more unread replies is not read from until some are read. */
  readonly outputPauseBytes: number;
  /** A connection that has not chosen an export by then is closed. */
  readonly handshakeTimeoutMs: number;
  /** A request that takes longer to arrive, or replies that long unread, close the connection. */
  readonly requestTimeoutMs: number;
  /** A connection that is silent for so long is closed; 0: never. */
  readonly idleTimeoutMs: number;
  /** Whether a client may ask for the names of all exports. */
  readonly listsExports: boolean;
  readonly tls: TlsPolicy;
}

export const defaultNbdServerOptions: NbdServerOptions = {
  connectionCountMax: 64,
  requestBytesMax: 32 << 20,
  inFlightCountMax: 64,
  inFlightBytesMax: 32 << 20,
  outputPauseBytes: 4 << 20,
  handshakeTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  idleTimeoutMs: 0,
  listsExports: true,
  tls: "off",
};

/** The longest that the protocol knows. */
export const EXPORT_NAME_BYTES_MAX = 4096;
/** More data of an option is passed over and refused. */
export const OPTION_BYTES_MAX = 65_536;
/** Who haggles longer is not going to find an export. */
export const OPTION_COUNT_MAX = 1024;
