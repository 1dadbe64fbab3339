/**
 * Which addresses may be served without a password: those that only this machine reaches. A name
 * other than localhost may resolve to anything, so it counts as reachable from outside.
 */

import { BlockList, isIP, isIPv6 } from "node:net";
import { UsageError } from "./command-io.ts";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

export function isLoopback(host: string): boolean {
  if (host === "localhost") return true;
  if (isIP(host) === 0) return false;
  return loopback.check(host, isIPv6(host) ? "ipv6" : "ipv4");
}

export function requirePasswordBeyondLoopback(host: string, password: string | undefined): void {
  if (password !== undefined || isLoopback(host)) return;
  throw new UsageError(
    `refusing to serve ${host} without a password: write one into a file that only you can ` +
      "read and give --requirepass-file FILE, or serve 127.0.0.1",
  );
}
