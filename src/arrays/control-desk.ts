/**
 * Answers those who connect to the locks of an array's members: what the array is like, and do this
 * with it. They are processes of the same user, since the sockets are for nobody else.
 *
 * It guarantees that
 *
 *  1. whoever comes before the array is open waits until it is, or is told why it never will be;
 *  2. what does not parse, or is of another version, ends its own connection and nothing else;
 *  3. connections, and the requests of each that are under way, are bounded in number.
 */

import { Fault, isFault } from "../base/fault.ts";
import type { Connection } from "../world/network.ts";
import type { Clock } from "../world/world.ts";
import { encodeFrame, FrameReader } from "./control-frames.ts";
import {
  type ControlRequest,
  packAnswer,
  packError,
  readRequest,
  readRequestId,
} from "./control-request.ts";

/** What is asked at the desk is done by this. */
export interface Controller {
  perform(request: ControlRequest): Promise<unknown>;
}

const CONNECTIONS_MAX = 32;
const REQUESTS_MAX = 16;
/** Whoever does not hang up by itself so long after the end is hung up on. */
const LINGER_MS = 500;
const UNSENT_BYTES_MAX: number = 4 << 20;

export class ControlDesk {
  readonly #clock: Clock;
  readonly #connections = new Set<Connection>();
  readonly #opened: Promise<Controller>;
  #isClosed = false;
  /** Calls off that those who are left are hung up on. */
  #callOff: () => void = () => undefined;
  #open: (controller: Controller) => void = () => undefined;
  #fail: (reason: unknown) => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#opened = new Promise<Controller>((resolve, reject) => {
      this.#open = resolve;
      this.#fail = reject;
    });
    // Nobody may ever ask.
    this.#opened.catch(() => undefined);
  }

  accept(connection: Connection): void {
    const frames = new FrameReader();
    let waiting = 0;
    connection.handle({
      data: (bytes) => {
        try {
          frames.push(bytes, (message) => {
            const id = readRequestId(message);
            if (REQUESTS_MAX <= waiting) throw busy();
            waiting++;
            void this.#answer(connection, id, message).finally(() => waiting--);
          });
        } catch (error) {
          if (isFault(error, "ERR_FORMAT")) say(connection, packError(0, error));
          connection.end();
        }
      },
      drained: () => undefined,
      closed: () => {
        this.#connections.delete(connection);
        if (this.#connections.size === 0) this.#callOff();
      },
    });
    if (this.#isClosed || CONNECTIONS_MAX <= this.#connections.size) connection.destroy();
    else this.#connections.add(connection);
  }

  /** The array is there to be asked. */
  open(controller: Controller): void {
    this.#open(controller);
  }

  /** The array could not be opened. */
  fail(reason: unknown): void {
    this.#fail(reason);
  }

  /** Hangs up on everybody, after what was answered is out. */
  close(): void {
    this.#isClosed = true;
    this.#fail(new Fault("ERR_CLOSED", "the array is being closed"));
    for (const connection of this.#connections) connection.end();
    if (this.#connections.size === 0) return;
    this.#callOff = this.#clock.after(LINGER_MS, () => {
      for (const connection of this.#connections) connection.destroy();
    });
  }

  async #answer(connection: Connection, id: number, message: unknown): Promise<void> {
    try {
      const request = readRequest(message);
      const controller = await this.#opened;
      say(connection, packAnswer(id, await controller.perform(request)));
    } catch (error) {
      say(connection, packError(id, error));
    }
  }
}

function say(connection: Connection, message: unknown): void {
  if (UNSENT_BYTES_MAX < connection.unsentBytes) connection.destroy();
  else connection.write(encodeFrame(message));
}

function busy(): Fault {
  return new Fault("ERR_FORMAT", `more than ${REQUESTS_MAX} requests at once`);
}
