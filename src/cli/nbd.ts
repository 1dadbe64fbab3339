/**
 * `holdfast nbd`: exports volumes as network block devices until it is told to stop. SIGTERM and
 * SIGINT drain it and end with 0; a second one ends the process at once, which loses nothing that
 * was flushed.
 */

import type { Command } from "commander";
import { messageOf } from "../base/fault.ts";
import { hostWorld } from "../host/world.ts";
import { NbdServer } from "../nbd/server.ts";
import { defaultNbdServerOptions, type NbdServerOptions } from "../nbd/settings.ts";
import type { Address } from "../world/network.ts";
import { type CommandIo, EXIT, UsageError } from "./command-io.ts";
import { createLogger } from "./logging.ts";
import {
  type ExportFlags,
  type ExportSpec,
  openExports,
  type OpenedExport,
  parseExports,
} from "./nbd-exports.ts";
import { type NbdSettings, nbdSettingsTable } from "./nbd-settings.ts";
import { type NbdTls, readTls, requireTlsBeyondLoopback } from "./nbd-tls.ts";
import { amount } from "./progress.ts";
import { addSettingOptions, settingsOf } from "./setting-options.ts";
import { stopOnBugs, stopOnSignals } from "./stopping.ts";
import { traceTo } from "./trace-log.ts";
import { version } from "./version.ts";

const MS_PER_SECOND = 1_000;
const DEFAULT_ADDRESS = "127.0.0.1:10809";

interface Endpoints {
  readonly tcp: Extract<Address, { kind: "tcp" }> | undefined;
  readonly socket: string | undefined;
}

export function addNbdCommand(program: Command, io: CommandIo): void {
  const command = program
    .command("nbd")
    .summary("export a volume as a network block device")
    .description(
      "Exports a file as a disk that qemu, nbdcopy, fio and the Linux kernel can use. What a " +
        "client has flushed survives a crash and a loss of power.",
    )
    .argument("[member...]", "the file to export")
    .option("--export <name>", "its name, or NAME=MEMBER for a further export", collect, [])
    .option("--read-only", "let nobody write", false)
    .option("--read-only-export <name>", "let nobody write to this export", collect, [])
    .addHelpText(
      "after",
      "\nExample:\n  truncate -s 1G disk.img\n  holdfast nbd --export disk disk.img\n" +
        "  nbdinfo nbd://127.0.0.1:10809/disk\n",
    );
  addSettingOptions(command, nbdSettingsTable);
  command.action(async (members: readonly string[]) => {
    const specs = parseExports(command.opts<ExportFlags>(), members);
    const { values } = await settingsOf(command, nbdSettingsTable);
    await serveNbd(values, specs, io);
  });
}

function collect(given: string, before: readonly string[]): readonly string[] {
  return [...before, given];
}

async function serveNbd(
  settings: NbdSettings,
  specs: readonly ExportSpec[],
  io: CommandIo,
): Promise<void> {
  const endpoints = endpointsOf(settings);
  if (endpoints.tcp !== undefined) requireTlsBeyondLoopback(endpoints.tcp.host, settings);
  const logger = createLogger({ level: settings["log-level"], quiet: io.quiet });
  const tls = await readTls(settings, logger);
  const options = optionsOf(settings, tls);

  const world = logger.isLevelEnabled("debug") ? hostWorld(traceTo(logger)) : hostWorld();
  const opened = await openExports(world, specs);
  const exports = opened.map((one) => one.export);
  const server = new NbdServer(world, exports, options, tls.server);
  const close = async (): Promise<void> => {
    await server.close(settings["nbd-drain-timeout"] * MS_PER_SECOND);
    for (const one of opened) await one.close();
  };
  stopOnBugs(logger);
  let bound: Endpoints;
  try {
    bound = await listen(server, endpoints);
  } catch (error) {
    await close();
    throw error;
  }
  const stopped = new Promise<void>((resolve) => {
    stopOnSignals(async () => {
      await close();
      resolve();
    }, logger);
  });
  announce(bound, tls, opened, io);
  await stopped;
  logger.info("stopped");
  for (const { volume, spec } of opened) {
    if (volume.failure === undefined) continue;
    logger.error({ export: spec.name, error: messageOf(volume.failure) }, "the volume had failed");
    io.setExitCode(EXIT.failed);
  }
}

function endpointsOf(settings: NbdSettings): Endpoints {
  const socket = settings["nbd-socket"];
  const listens = settings["nbd-listen"] ?? (socket === undefined ? DEFAULT_ADDRESS : undefined);
  return { tcp: listens === undefined ? undefined : parseAddress(listens), socket };
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

function optionsOf(settings: NbdSettings, tls: NbdTls): NbdServerOptions {
  const requestBytesMax = settings["nbd-request-bytes-max"];
  const inFlightBytesMax = settings["nbd-in-flight-bytes-max"];
  if (inFlightBytesMax < requestBytesMax) {
    throw new UsageError("--in-flight-bytes-max must be at least --request-bytes-max");
  }
  return {
    ...defaultNbdServerOptions,
    connectionCountMax: settings["nbd-max-clients"],
    requestBytesMax,
    inFlightCountMax: settings["nbd-in-flight-max"],
    inFlightBytesMax,
    handshakeTimeoutMs: settings["nbd-handshake-timeout"] * MS_PER_SECOND,
    requestTimeoutMs: settings["nbd-request-timeout"] * MS_PER_SECOND,
    idleTimeoutMs: settings["nbd-idle-timeout"] * MS_PER_SECOND,
    listsExports: settings["nbd-list"] === "on",
    tls: tls.policy,
  };
}

async function listen(server: NbdServer, { tcp, socket }: Endpoints): Promise<Endpoints> {
  const bound = tcp === undefined ? undefined : await server.listen(tcp);
  if (socket !== undefined) await server.listen({ kind: "local", path: socket });
  return { tcp: bound?.kind === "tcp" ? bound : undefined, socket };
}

function announce(
  { tcp, socket }: Endpoints,
  tls: NbdTls,
  opened: readonly OpenedExport[],
  io: CommandIo,
): void {
  if (io.quiet && !io.json) return;
  const exports = opened.map(({ spec, volume }) => {
    return { ...spec, sizeBytes: volume.sizeBytes };
  });
  const where = { host: tcp?.host, port: tcp?.port, socket, tls: tls.policy };
  io.result({ ready: true, version, pid: process.pid, ...where, exports }, () =>
    [
      `${io.style("bold", `Holdfast ${version}`)} serves NBD`,
      ...exports.map((one) => {
        const size = amount(one.sizeBytes, "bytes");
        return `  export    "${one.name}", ${size}${one.readOnly ? ", read-only" : ""}`;
      }),
      ...urls({ tcp, socket }, tls, exports[0]?.name ?? "").map(
        (url) => `  connect   ${io.style("cyan", `nbdinfo '${url}'`)}`,
      ),
      "  stop      Ctrl-C",
    ].join("\n"),
  );
}

function urls({ tcp, socket }: Endpoints, tls: NbdTls, exportName: string): readonly string[] {
  const scheme = tls.policy === "off" ? "nbd" : "nbds";
  const path = `/${encodeURIComponent(exportName)}`;
  const found: string[] = [];
  if (tcp !== undefined) {
    const host = tcp.host.includes(":") ? `[${tcp.host}]` : tcp.host;
    found.push(`${scheme}://${host}:${tcp.port}${path}`);
  }
  if (socket !== undefined) found.push(`${scheme}+unix://${path}?socket=${socket}`);
  return found;
}
