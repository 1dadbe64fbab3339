/**
 * Connections as the World offers them: TCP and local sockets on the host, simulated ones with
 * delay, loss of connection and partitions in the simulation. Callbacks, not promises: these are
 * on the hot path.
 */

export type Address =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  /** A Unix socket. A long path is shortened by the host as it must be. */
  | { readonly kind: "local"; readonly path: string };

export interface Network {
  /**
   * Rejects with `ERR_LOCKED` if the address is in use. A local address that nobody listens at any
   * more is taken over.
   */
  listen(address: Address, accept: (connection: Connection) => void): Promise<Listener>;
  /** Rejects with `ERR_UNAVAILABLE` if nobody listens there. */
  connect(address: Address): Promise<Connection>;
}

export interface Listener {
  /** With the port that was given where 0 was asked for. */
  readonly address: Address;
  /** Stops listening; connections that were accepted stay. */
  close(): Promise<void>;
}

export interface ConnectionHandler {
  /** Bytes came in. They are valid only during the call. */
  data(bytes: Uint8Array): void;
  /** What was written is out, after `write` had returned false. */
  drained(): void;
  /** The connection is over, for whatever reason. Called once; nothing follows. */
  closed(): void;
}

export interface Connection {
  /** The other side, for logs: `127.0.0.1:50312`. */
  readonly peer: string;
  /** Must be called once, in the turn in which the connection was handed out. */
  handle(handler: ConnectionHandler): void;
  /** Takes the bytes, which must not change until they are out; false: wait for `drained`. */
  write(bytes: Uint8Array): boolean;
  /** How many bytes were written and are not out yet. */
  readonly unsentBytes: number;
  pause(): void;
  resume(): void;
  /** Closes after what was written is out. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

/** The server's side of TLS, with a certificate and an opinion on whom to let in. */
export interface ServerTls {
  /**
   * Takes a connection over from its handler, who hears nothing more of it, and returns it
   * encrypted once the other side has shown who it is. It is to be handled in the turn in which
   * it is returned. Rejects with `ERR_UNAVAILABLE` if nothing came of it; the connection is closed
   * then. Closing the connection meanwhile has the same effect.
   */
  secure(connection: Connection): Promise<Connection>;
}
