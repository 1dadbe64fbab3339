/**
 * Every setting of the NBD server, as the table of a node's. A setting called `nbd-socket` is the
 * flag `--socket` of `holdfast nbd`, the variable `HOLDFAST_NBD_SOCKET` and the line
 * `nbd-socket = "..."` of the configuration file.
 */

import * as v from "valibot";
import { defaultNbdServerOptions as defaults } from "../nbd/settings.ts";
import type { RaidSettings } from "./raid-settings.ts";
import {
  atLeast,
  type Parser,
  setting,
  type Settings,
  settingsTable,
  type SettingsTable,
  size,
  text,
} from "./settings-table.ts";

const MEBIBYTE = 1024 * 1024;
const MS_PER_SECOND = 1_000;
/** Lengths in the protocol have 32 bits. */
const REQUEST_BYTES_LIMIT: number = 1024 * MEBIBYTE;

const optionalText: Parser<string | undefined> = v.union([v.undefined(), text]);

export interface NbdSettings extends RaidSettings, Pick<Settings, "log-level"> {
  readonly "nbd-listen": string | undefined;
  readonly "nbd-socket": string | undefined;
  readonly "nbd-list": "on" | "off";
  readonly "nbd-tls": "optional" | "required";
  readonly "nbd-tls-certificate": string | undefined;
  readonly "nbd-tls-key": string | undefined;
  readonly "nbd-tls-client-ca": string | undefined;
  readonly "nbd-max-clients": number;
  readonly "nbd-request-bytes-max": number;
  readonly "nbd-in-flight-max": number;
  readonly "nbd-in-flight-bytes-max": number;
  readonly "nbd-handshake-timeout": number;
  readonly "nbd-request-timeout": number;
  readonly "nbd-idle-timeout": number;
  readonly "nbd-drain-timeout": number;
}

export const nbdSettingsTable: SettingsTable<NbdSettings> = {
  "nbd-listen": setting(
    optionalText,
    undefined,
    "host:port",
    "serve TCP at this address; port 0 picks a free one; 127.0.0.1:10809 unless --socket is given",
  ),
  "nbd-socket": setting(optionalText, undefined, "path", "serve a Unix socket at this path"),
  "nbd-list": setting(
    v.picklist(["on", "off"], "give on or off"),
    "on",
    "on|off",
    "whether clients may ask for the names of all exports",
  ),
  "nbd-tls": setting(
    v.picklist(["optional", "required"], "give optional or required"),
    "required",
    "policy",
    "optional or required: what the files below, if given, mean for clients without TLS",
  ),
  "nbd-tls-certificate": setting(
    optionalText,
    undefined,
    "file",
    "PEM file with the certificate of this server",
  ),
  "nbd-tls-key": setting(optionalText, undefined, "file", "PEM file with its key"),
  "nbd-tls-client-ca": setting(
    optionalText,
    undefined,
    "file",
    "PEM file of the authority whose certificates clients must show",
  ),
  "nbd-max-clients": setting(
    atLeast(1, "the number"),
    defaults.connectionCountMax,
    "number",
    "how many connections there may be",
  ),
  "nbd-request-bytes-max": setting(
    v.pipe(size(MEBIBYTE), v.maxValue(REQUEST_BYTES_LIMIT, "it is at most 1.0 GiB")),
    defaults.requestBytesMax,
    "size",
    "the most that one request may read or write",
  ),
  "nbd-in-flight-max": setting(
    atLeast(1, "the number"),
    defaults.inFlightCountMax,
    "number",
    "how many requests of one connection are worked on at once",
  ),
  "nbd-in-flight-bytes-max": setting(
    size(MEBIBYTE),
    defaults.inFlightBytesMax,
    "size",
    "how many bytes of one connection's requests are worked on at once",
  ),
  "nbd-handshake-timeout": setting(
    atLeast(1, "the time"),
    defaults.handshakeTimeoutMs / MS_PER_SECOND,
    "seconds",
    "close a client that has not chosen an export by then",
  ),
  "nbd-request-timeout": setting(
    atLeast(1, "the time"),
    defaults.requestTimeoutMs / MS_PER_SECOND,
    "seconds",
    "close a client that leaves a request unfinished or replies unread for so long",
  ),
  "nbd-idle-timeout": setting(
    atLeast(0, "the time"),
    defaults.idleTimeoutMs / MS_PER_SECOND,
    "seconds",
    "close a client after this long without a request; 0 never does",
  ),
  "nbd-drain-timeout": setting(
    atLeast(0, "the time"),
    10,
    "seconds",
    "how long a shutdown waits for requests that are under way",
  ),
  "raid-rate-min": settingsTable["raid-rate-min"],
  "raid-rate-max": settingsTable["raid-rate-max"],
  "raid-stall-timeout": settingsTable["raid-stall-timeout"],
  "raid-read-errors": settingsTable["raid-read-errors"],
  "log-level": settingsTable["log-level"],
};

export const nbdSettingNames: readonly (keyof NbdSettings)[] = Object.keys(
  nbdSettingsTable,
) as (keyof NbdSettings)[];
