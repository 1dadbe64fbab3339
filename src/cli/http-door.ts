/**
 * Health and metrics over HTTP: `/livez`, `/readyz`, `/status`, `/metrics`.
 *
 * It guarantees that
 *
 *  1. nothing can be changed through it: every method but GET and HEAD is refused;
 *  2. a web page cannot read it by way of a name that resolves here (DNS rebinding): a request must
 *     be addressed to an IP address, to localhost or to a name that was allowed, or gets a 421;
 *  3. a slow or silent client is dropped after a bounded time, and clients are bounded in number;
 *  4. where it listens beyond loopback, `/status` and `/metrics` ask for the password.
 */

import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:http";
import { isIP } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { basicAuth } from "hono/basic-auth";
import { Fault, messageOf } from "../base/fault.ts";
import { isLoopback } from "./listen-address.ts";
import type { Metrics } from "./metrics.ts";
import type { NodeStatus } from "./node-health.ts";
import { samePassword } from "./password.ts";

/** What a client may take of a server that owes it nothing. */
export interface HttpLimits {
  /** Until the headers of a request are there. */
  readonly headersTimeoutMs: number;
  /** Until the whole of it is. */
  readonly requestTimeoutMs: number;
  /** Between two requests of one connection. */
  readonly keepAliveTimeoutMs: number;
  /** Without a byte going either way, such as to a client that does not read its answer. */
  readonly silenceTimeoutMs: number;
  /** How often connections are looked at for having passed one of the first two. */
  readonly checkIntervalMs: number;
  readonly headerBytesMax: number;
  readonly connectionCountMax: number;
}

export const defaultHttpLimits: HttpLimits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 5_000,
  silenceTimeoutMs: 60_000,
  checkIntervalMs: 5_000,
  headerBytesMax: 16 * 1024,
  connectionCountMax: 256,
};

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
    "require-trusted-types-for 'script'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cache-Control": "no-store",
};

export interface HttpDoorOptions {
  readonly host: string;
  readonly port: number;
  /** Names, besides localhost and addresses, that requests may be addressed to. */
  readonly allowedHosts: readonly string[];
  /** Asked for by `/status` and `/metrics` unless `host` is loopback. */
  readonly password: string | undefined;
}

export class HttpDoor {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(
    options: HttpDoorOptions,
    status: () => NodeStatus,
    metrics: Metrics,
    limits: HttpLimits = defaultHttpLimits,
  ): Promise<HttpDoor> {
    const server = createAdaptorServer({
      fetch: routes(options, status, metrics).fetch,
      createServer,
      serverOptions: {
        headersTimeout: limits.headersTimeoutMs,
        requestTimeout: limits.requestTimeoutMs,
        keepAliveTimeout: limits.keepAliveTimeoutMs,
        maxHeaderSize: limits.headerBytesMax,
        connectionsCheckingInterval: limits.checkIntervalMs,
      },
    }) as Server;
    server.maxConnections = limits.connectionCountMax;
    server.setTimeout(limits.silenceTimeoutMs);
    await listen(server, options);
    return new HttpDoor(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}

/** The answers themselves, apart from the socket that they go out of. */
export function routes(options: HttpDoorOptions, status: () => NodeStatus, metrics: Metrics): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) context.header(name, value);
    if (!isAllowedHost(context.req.header("host"), options.allowedHosts)) {
      return context.text("this server does not answer to that name; see allowed-hosts\n", 421);
    }
    const { method } = context.req;
    if (method !== "GET" && method !== "HEAD") {
      return context.text("only GET and HEAD\n", 405, { Allow: "GET, HEAD" });
    }
    return await next();
  });
  if (!isLoopback(options.host)) guard(app, options.password ?? "");

  app.get("/livez", (context) => context.text("ok\n"));
  app.get("/readyz", (context) => {
    const { state, reason } = status();
    if (state === "ready") return context.text("ok\n");
    return context.text(`${state}${reason === undefined ? "" : `: ${reason}`}\n`, 503);
  });
  app.get("/status", (context) => context.json(status()));
  app.get("/metrics", async (context) => {
    return context.body(await metrics.render(), 200, { "Content-Type": metrics.contentType });
  });
  app.notFound((context) => context.text("there is /livez, /readyz, /status and /metrics\n", 404));
  return app;
}

function guard(app: Hono, password: string): void {
  const verifyUser = (_user: string, given: string): boolean => samePassword(given, password);
  for (const path of ["/status", "/metrics"]) {
    app.use(path, basicAuth({ realm: "holdfast", verifyUser }));
  }
}

export function isAllowedHost(header: string | undefined, allowed: readonly string[]): boolean {
  if (header === undefined) return false;
  const name = header.replace(/:\d*$/u, "").toLowerCase();
  const bare = name.startsWith("[") && name.endsWith("]") ? name.slice(1, -1) : name;
  return bare === "localhost" || isIP(bare) !== 0 || allowed.includes(bare);
}

async function listen(server: Server, { host, port }: HttpDoorOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenFault(error, host, port)));
    server.listen(port, host, resolve);
  });
}

function listenFault(error: Error, host: string, port: number): Fault {
  if ("code" in error && error.code === "EADDRINUSE") {
    const message = `port ${port} of ${host} is in use: choose another with --http-port`;
    return new Fault("ERR_LOCKED", message, { host, port }, error);
  }
  return new Fault("ERR_IO", `cannot serve HTTP: ${messageOf(error)}`, { host, port }, error);
}
