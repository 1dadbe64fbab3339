/** Asks the process that has an array open, by way of the lock of one of its members. */

import { Fault, isFault } from "../base/fault.ts";
import type { Connection } from "../world/network.ts";
import type { World } from "../world/world.ts";
import { encodeFrame, FrameReader } from "./control-frames.ts";
import { type ControlRequest, packRequest, readAnswer } from "./control-request.ts";
import { memberAddress } from "./member-lock.ts";

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (reason: Fault) => void;
}

/** Undefined if no process has the member. */
export async function connectToHolder(
  world: World,
  path: string,
): Promise<ControlConnection | undefined> {
  try {
    const connection = await world.network.connect(memberAddress(path));
    return new ControlConnection(connection, path);
  } catch (error) {
    if (isFault(error, "ERR_UNAVAILABLE")) return undefined;
    throw error;
  }
}

export class ControlConnection {
  readonly #connection: Connection;
  readonly #path: string;
  readonly #frames = new FrameReader();
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #ended: Fault | undefined;

  constructor(connection: Connection, path: string) {
    this.#connection = connection;
    this.#path = path;
    connection.handle({
      data: (bytes) => {
        this.#receive(bytes);
      },
      drained: () => undefined,
      closed: () => {
        this.#end(hungUp(this.#path));
      },
    });
  }

  /** Rejects with what the holder says is wrong; `ERR_LOCKED` if it hangs up. */
  async ask(request: ControlRequest): Promise<unknown> {
    if (this.#ended !== undefined) throw this.#ended;
    const id = ++this.#lastId;
    return await new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#connection.write(encodeFrame(packRequest(id, request)));
    });
  }

  close(): void {
    this.#connection.end();
  }

  #receive(bytes: Uint8Array): void {
    try {
      this.#frames.push(bytes, (message) => {
        const { id, result, error } = readAnswer(message);
        // What was wrong with the connection as a whole has no request.
        if (id === 0 && error !== undefined) throw error;
        const waiting = this.#waiting.get(id);
        this.#waiting.delete(id);
        if (error === undefined) waiting?.resolve(result);
        else waiting?.reject(error);
      });
    } catch (error) {
      this.#end(isFault(error) ? error : hungUp(this.#path));
      this.#connection.destroy();
    }
  }

  #end(reason: Fault): void {
    this.#ended ??= reason;
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}

function hungUp(path: string): Fault {
  const message =
    `The process that has "${path}" open hung up: it was stopped, or has no array that could be ` +
    "asked";
  return new Fault("ERR_LOCKED", message, { path });
}
