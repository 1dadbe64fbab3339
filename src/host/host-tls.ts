/**
 * TLS on the host, through `node:tls`, version 1.2 at least.
 *
 * It guarantees that
 *
 *  1. where an authority of the clients is given, nobody gets past the handshake without a
 *     certificate that it has signed;
 *  2. files that were replaced are used from the next connection on, and those that stand stay; if
 *     the new ones can't be used, those before go on being used.
 */

import { readFileSync, statSync } from "node:fs";
import type { Socket } from "node:net";
import {
  createSecureContext,
  createServer,
  type SecureContextOptions,
  type TLSSocket,
} from "node:tls";
import { assert } from "../base/assert.ts";
import { Fault, messageOf } from "../base/fault.ts";
import type { Connection, ServerTls } from "../world/network.ts";
import { HostConnection } from "./host-connection.ts";

/** Paths of PEM files. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  /** Whose certificates clients must have; undefined: they need none. */
  readonly clientAuthority: string | undefined;
}

const VERSION_MIN = "TLSv1.2";

export class HostServerTls implements ServerTls {
  readonly #files: TlsFiles;
  readonly #reloadFailed: (error: unknown) => void;
  #read: ReadFiles;

  /** Throws if the files can't be read or don't fit together. */
  constructor(files: TlsFiles, reloadFailed: (error: unknown) => void) {
    this.#files = files;
    this.#reloadFailed = reloadFailed;
    this.#read = readFiles(files);
  }

  async secure(connection: Connection): Promise<Connection> {
    assert(connection instanceof HostConnection, "the host secures its own connections");
    this.#reload();
    const raw = connection.detach();
    try {
      const socket = await this.#shakeHands(raw);
      const secure = new HostConnection(socket, connection.peer);
      socket.on("data", (bytes) => secure.incoming(bytes));
      return secure;
    } catch (error) {
      raw.destroy();
      const message = `TLS with ${connection.peer} failed: ${messageOf(error)}`;
      throw new Fault("ERR_UNAVAILABLE", message, { peer: connection.peer }, error);
    }
  }

  /** A server for one socket, since a server can't say which of its sockets became a secure one. */
  async #shakeHands(raw: Socket): Promise<TLSSocket> {
    const asksForCertificate = this.#files.clientAuthority !== undefined;
    const verification = { requestCert: asksForCertificate, rejectUnauthorized: true };
    const server = createServer({ ...this.#read.options, ...verification });
    return await new Promise((resolve, reject) => {
      server.once("secureConnection", resolve);
      server.once("tlsClientError", reject);
      server.emit("connection", raw);
    });
  }

  #reload(): void {
    try {
      if (marksOf(this.#files) !== this.#read.marks) this.#read = readFiles(this.#files);
    } catch (error) {
      this.#reloadFailed(error);
    }
  }
}

interface ReadFiles {
  readonly options: SecureContextOptions;
  readonly marks: string;
}

function readFiles(files: TlsFiles): ReadFiles {
  const { certificate, key, clientAuthority } = files;
  // Taken before, so that what is replaced meanwhile is read again.
  const marks = marksOf(files);
  const options: SecureContextOptions = {
    cert: readFileSync(certificate),
    key: readFileSync(key),
    ca: clientAuthority === undefined ? undefined : readFileSync(clientAuthority),
    minVersion: VERSION_MIN,
  };
  createSecureContext(options);
  return { options, marks };
}

/** Changes when one of the files is replaced or written. */
function marksOf({ certificate, key, clientAuthority }: TlsFiles): string {
  return [certificate, key, clientAuthority]
    .filter((path) => path !== undefined)
    .map((path) => {
      const { ino, size, mtimeMs } = statSync(path);
      return `${ino} ${size} ${mtimeMs}`;
    })
    .join(", ");
}
