/**
 * TLS of the NBD server: the files it needs, and whom it may serve without. On an address that
 * others reach, nobody is served who doesn't show a certificate, since whoever is served may
 * overwrite everything.
 */

import { stat } from "node:fs/promises";
import type { Logger } from "pino";
import { messageOf } from "../base/fault.ts";
import { HostServerTls } from "../host/host-tls.ts";
import type { TlsPolicy } from "../nbd/settings.ts";
import type { ServerTls } from "../world/network.ts";
import { UsageError } from "./command-io.ts";
import { isLoopback } from "./listen-address.ts";
import type { NbdSettings } from "./nbd-settings.ts";

const READABLE_BY_ALL = 0o004;

export interface NbdTls {
  readonly policy: TlsPolicy;
  /** Undefined where there is no certificate. */
  readonly server: ServerTls | undefined;
}

/** Refuses to serve an address that others reach to those who don't say who they are. */
export function requireTlsBeyondLoopback(host: string, settings: NbdSettings): void {
  const asksForCertificates =
    settings["nbd-tls-certificate"] !== undefined &&
    settings["nbd-tls-client-ca"] !== undefined &&
    settings["nbd-tls"] === "required";
  if (asksForCertificates || isLoopback(host)) return;
  throw new UsageError(
    `refusing to serve ${host} to everyone: give --tls-certificate, --tls-key and ` +
      "--tls-client-ca, and leave --tls required; or serve 127.0.0.1 or a --socket",
  );
}

export async function readTls(settings: NbdSettings, logger: Logger): Promise<NbdTls> {
  const certificate = settings["nbd-tls-certificate"];
  const key = settings["nbd-tls-key"];
  const clientAuthority = settings["nbd-tls-client-ca"];
  if (certificate === undefined && key === undefined && clientAuthority === undefined) {
    return { policy: "off", server: undefined };
  }
  if (certificate === undefined || key === undefined) {
    throw new UsageError("TLS needs both --tls-certificate and --tls-key");
  }
  await checkSecrecy(key);
  try {
    const server = new HostServerTls({ certificate, key, clientAuthority }, (error) => {
      logger.error({ error: messageOf(error) }, "the files for TLS can't be used; kept the last");
    });
    return { policy: settings["nbd-tls"], server };
  } catch (error) {
    throw new UsageError(`the files for TLS can't be used: ${messageOf(error)}`);
  }
}

async function checkSecrecy(key: string): Promise<void> {
  let mode: number;
  try {
    ({ mode } = await stat(key));
  } catch (error) {
    throw new UsageError(`the key cannot be read: ${messageOf(error)}`);
  }
  if ((mode & READABLE_BY_ALL) === 0) return;
  throw new UsageError(`everyone may read the key in ${key}: run "chmod 600 ${key}"`);
}
