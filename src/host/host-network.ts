/** The network of the host, through `node:net`: TCP without delay, and local sockets. */

import {
  connect as connectSocket,
  createServer,
  type OnReadOpts,
  type Server,
  Socket,
  type SocketConstructorOpts,
} from "node:net";
import { must } from "../base/assert.ts";
import { Fault, messageOf } from "../base/fault.ts";
import type { Address, Connection, Listener, Network } from "../world/network.ts";
import type { Random } from "../world/world.ts";
import { HostConnection, incomingChunks } from "./host-connection.ts";
import { errnoOf, ioFault } from "./io-fault.ts";
import { claimLocalAddress } from "./local-claim.ts";
import { usingShortPath } from "./socket-path.ts";

type Accept = (connection: Connection) => void;
type TcpAddress = Extract<Address, { kind: "tcp" }>;

/** Finds dead peers that never said goodbye. */
const KEEP_ALIVE_MS = 60_000;
/** Connections that wait to be accepted. */
const BACKLOG = 511;
const HANDLE = "_handle";

export class HostNetwork implements Network {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  async listen(address: Address, accept: Accept): Promise<Listener> {
    if (address.kind === "tcp") return await listenTcp(address, accept);
    const server = makeServer(accept);
    const claim = await claimLocalAddress(address.path, this.#random, {
      listen: async (path) => await bind(server, { path }),
      unlisten: async () => await closeServer(server),
      answers,
    });
    const close = async (): Promise<void> => {
      await claim.release();
      await closeServer(server);
    };
    return { address, close };
  }

  async connect(address: Address): Promise<Connection> {
    if (address.kind === "tcp") return await dial(address, `${address.host}:${address.port}`);
    const { path } = address;
    return await usingShortPath(path, async (short) => await dial({ path: short }, path));
  }
}

/** Whether somebody listens at the local socket; only a plain refusal means that nobody does. */
async function answers(path: string): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    const socket = connectSocket({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => {
      const errno = errnoOf(error);
      if (errno === "ECONNREFUSED" || errno === "ENOENT" || errno === "ENOTSOCK") resolve(false);
      // A full queue of connections, which only one who is alive, though slow, can have.
      else if (errno === "EAGAIN" || errno === "ETIMEDOUT") resolve(true);
      else reject(ioFault("connect to", path, error));
    });
  });
}

async function listenTcp(address: TcpAddress, accept: Accept): Promise<Listener> {
  const server = makeServer(accept);
  try {
    await bind(server, { host: address.host, port: address.port });
  } catch (error) {
    throw listenFault(address, error);
  }
  const bound = must(server.address(), "a server that listens has an address");
  const port = typeof bound === "string" ? address.port : bound.port;
  const close = async (): Promise<void> => await closeServer(server);
  return { address: { kind: "tcp", host: address.host, port }, close };
}

function listenFault({ host, port }: TcpAddress, error: unknown): Fault {
  const place = `${host}:${port}`;
  if (errnoOf(error) === "EADDRINUSE") {
    const message = `Cannot listen at ${place}: it is in use; stop who listens or choose another`;
    return new Fault("ERR_LOCKED", message, { host, port }, error);
  }
  return ioFault("listen at", place, error);
}

async function bind(
  server: Server,
  where: { path: string } | { host: string; port: number },
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ ...where, backlog: BACKLOG }, () => {
      server.off("error", reject);
      // Later errors are of single connections that could not be accepted; the rest go on.
      server.on("error", () => undefined);
      resolve();
    });
  });
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  // The callback would wait for the connections too, which are to stay.
  server.close();
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}

function makeServer(accept: Accept): Server {
  const options = {
    pauseOnConnect: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
  };
  return createServer(options, (accepted) => {
    accept(adopt(accepted));
  });
}

/**
 * The accepted socket, reading into the shared buffer. Node offers `onread` only to sockets that
 * are made by hand, so that the system's handle is moved to such a one; where it cannot be had,
 * the socket stays as it is and its chunks are allocated.
 */
function adopt(accepted: Socket): HostConnection {
  const handle = takeHandle(accepted);
  if (handle === undefined) {
    const connection = new HostConnection(accepted, peerOf(accepted));
    accepted.on("data", (bytes) => connection.incoming(bytes));
    accepted.resume();
    return connection;
  }
  const incoming = new Incoming();
  const options: SocketConstructorOpts & Moved = { handle, onread: incoming };
  const socket = new Socket(options);
  // What is left of the first socket only counts as a connection of its server.
  accepted.destroy();
  incoming.connection = new HostConnection(socket, peerOf(socket));
  return incoming.connection;
}

/** Options that Node's own code uses and its types leave out. */
interface Moved {
  readonly handle: object;
  readonly onread: OnReadOpts;
}

function takeHandle(socket: Socket): object | undefined {
  const handle: unknown = Reflect.get(socket, HANDLE);
  if (typeof handle !== "object" || handle === null) return undefined;
  if (!("useUserBuffer" in handle)) return undefined;
  Reflect.set(socket, HANDLE, null);
  return handle;
}

/** The `onread` of a socket, which must exist before its connection does. */
class Incoming {
  readonly buffer = incomingChunks.memory;
  connection: HostConnection | undefined;

  readonly callback = (count: number): boolean =>
    this.connection === undefined || this.connection.incoming(incomingChunks.of(count));
}

async function dial(
  where: { path: string } | { host: string; port: number },
  peer: string,
): Promise<Connection> {
  return await new Promise((resolve, reject) => {
    const incoming = new Incoming();
    const keepAlive = { keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
    const socket = connectSocket({ ...where, noDelay: true, ...keepAlive, onread: incoming });
    const refused = (error: unknown): void => {
      const message = `Cannot connect to ${peer}: ${messageOf(error)}; check that it runs`;
      reject(new Fault("ERR_UNAVAILABLE", message, { peer, errno: errnoOf(error) }, error));
    };
    socket.once("error", refused);
    socket.once("connect", () => {
      socket.off("error", refused);
      incoming.connection = new HostConnection(socket, peer);
      resolve(incoming.connection);
    });
  });
}

function peerOf(socket: Socket): string {
  if (socket.remoteAddress === undefined) return "local";
  return `${socket.remoteAddress}:${socket.remotePort}`;
}
