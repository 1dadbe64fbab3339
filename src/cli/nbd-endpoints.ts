/** Where the NBD server listens, and how a client names that. */

import type { TlsPolicy } from "../nbd/settings.ts";
import type { Address } from "../world/network.ts";
import { UsageError } from "./command-io.ts";
import type { NbdSettings } from "./nbd-settings.ts";

const DEFAULT_ADDRESS = "127.0.0.1:10809";

export interface Endpoints {
  readonly tcp: Extract<Address, { kind: "tcp" }> | undefined;
  readonly socket: string | undefined;
}

/** The usual port of this machine, unless something else is said. */
export function endpointsOf(settings: Pick<NbdSettings, "nbd-listen" | "nbd-socket">): Endpoints {
  const socket = settings["nbd-socket"];
  const listens = settings["nbd-listen"] ?? (socket === undefined ? DEFAULT_ADDRESS : undefined);
  return { tcp: listens === undefined ? undefined : parseAddress(listens), socket };
}

/** The addresses of the export, as clients of NBD take them. */
export function urlsOf(
  { tcp, socket }: Endpoints,
  tls: TlsPolicy,
  exportName: string,
): readonly string[] {
  const scheme = tls === "off" ? "nbd" : "nbds";
  const path = `/${encodeURIComponent(exportName)}`;
  const found: string[] = [];
  if (tcp !== undefined) {
    const host = tcp.host.includes(":") ? `[${tcp.host}]` : tcp.host;
    found.push(`${scheme}://${host}:${tcp.port}${path}`);
  }
  if (socket !== undefined) found.push(`${scheme}+unix://${path}?socket=${socket}`);
  return found;
}

/** `HOST:PORT`, with brackets around an address that has colons itself. */
function parseAddress(given: string): Extract<Address, { kind: "tcp" }> {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/u.exec(given);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port <= 65_535)) {
    throw new UsageError(`--listen ${given}: give HOST:PORT, such as 127.0.0.1:10809 or [::1]:0`);
  }
  return { kind: "tcp", host, port };
}
