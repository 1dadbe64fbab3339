/**
 * Clients that send prepared requests over raw connections and wait for replies of a known length.
 * It does next to nothing a request, so that what is measured is the server. redis-benchmark does
 * the plain commands; this does what it cannot: transactions, and reads while others write.
 */

import { connect, type Socket } from "node:net";
import { quantile } from "../statistics.ts";

export interface Exchange {
  readonly request: Uint8Array;
  /** How many bytes the reply has; it is not looked into. */
  readonly replyBytes: number;
}

/** Prepares the next request of a client. */
export type NextExchange = () => Exchange;

export class Client {
  readonly #socket: Socket;
  #awaitedBytes = 0;
  #answered: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#awaitedBytes -= chunk.length;
      if (this.#awaitedBytes === 0) this.#answered();
      else if (this.#awaitedBytes < 0) throw new Error(`unforeseen reply: ${chunk.toString()}`);
    });
  }

  static async open(port: number): Promise<Client> {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    await new Promise((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new Client(socket);
  }

  /** Sends and calls back once the whole reply is there. One at a time. */
  send({ request, replyBytes }: Exchange, answered: () => void): void {
    this.#awaitedBytes = replyBytes;
    this.#answered = answered;
    this.#socket.write(request);
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Keeps every client busy until `count` exchanges are done; returns exchanges per second. */
export async function measureRate(
  clients: readonly Client[],
  count: number,
  next: NextExchange,
): Promise<number> {
  const startedMs = performance.now();
  let toStart = count;
  let toEnd = count;
  await new Promise<void>((resolve) => {
    const go = (client: Client): void => {
      if (toStart-- <= 0) return;
      client.send(next(), () => {
        if (--toEnd === 0) resolve();
        else go(client);
      });
    };
    for (const client of clients) go(client);
  });
  return (count * 1_000) / (performance.now() - startedMs);
}

/**
 * The 99th percentile, in milliseconds, of `count` exchanges of one client while the others are
 * kept busy with something else.
 */
export async function measureLatencyBeside(
  probe: Client,
  count: number,
  nextProbe: NextExchange,
  others: readonly Client[],
  nextOther: NextExchange,
): Promise<number> {
  let isOver = false;
  const keepBusy = (client: Client): void => {
    client.send(nextOther(), () => {
      if (!isOver) keepBusy(client);
    });
  };
  for (const client of others) keepBusy(client);

  const latenciesMs: number[] = [];
  while (latenciesMs.length < count) {
    const sentMs = performance.now();
    await new Promise<void>((resolve) => probe.send(nextProbe(), resolve));
    latenciesMs.push(performance.now() - sentMs);
  }
  isOver = true;
  return quantile(
    latenciesMs.toSorted((left, right) => left - right),
    0.99,
  );
}
