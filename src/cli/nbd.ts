/**
 * `holdfast nbd`: exports volumes as network block devices until it is told to stop. SIGTERM and
 * SIGINT drain it and end with 0; a second one ends the process at once, which loses nothing that
 * was flushed.
 */

import type { Command } from "commander";
import type { Logger } from "pino";
import { messageOf } from "../base/fault.ts";
import { hostWorld } from "../host/world.ts";
import { NbdServer } from "../nbd/server.ts";
import { defaultNbdServerOptions, type NbdServerOptions } from "../nbd/settings.ts";
import type { World } from "../world/world.ts";
import { logArray, logHealth } from "./array-log.ts";
import { type CommandIo, EXIT, UsageError } from "./command-io.ts";
import { createLogger } from "./logging.ts";
import { type Endpoints, endpointsOf, urlsOf } from "./nbd-endpoints.ts";
import {
  closeAll,
  type ExportFlags,
  openExports,
  type OpenedExport,
  parseExports,
} from "./nbd-exports.ts";
import { type NbdSettings, nbdSettingsTable } from "./nbd-settings.ts";
import { type NbdTls, readTls, requireTlsBeyondLoopback } from "./nbd-tls.ts";
import { amount } from "./progress.ts";
import { raidOptionsOf } from "./raid-settings.ts";
import { addSettingOptions, settingsOf } from "./setting-options.ts";
import { stopOnBugs, stopOnSignals } from "./stopping.ts";
import { traceTo } from "./trace-log.ts";
import { version } from "./version.ts";

const MS_PER_SECOND = 1_000;

export function addNbdCommand(program: Command, io: CommandIo): void {
  const command = program
    .command("nbd")
    .summary("export a volume as a network block device")
    .description(
      "Exports a file, or the array that some files make, as a disk that qemu, nbdcopy, fio and " +
        "the Linux kernel can use. What a client has flushed survives a crash and a loss of power.",
    )
    .argument("[member...]", "the file to export, or the members of the array")
    .option("--export <name>", "its name, or NAME=MEMBER for a further export", collect)
    .option("--read-only", "let nobody write")
    .option("--read-only-export <name>", "let nobody write to this export", collect)
    .option("--plain", "take a file as it is, even if it looks like a member of an array")
    .option("--force", "assemble an array that would be refused, and say what that risks")
    .addHelpText(
      "after",
      "\nExample:\n  truncate -s 1G disk.img && holdfast nbd --export disk disk.img\n" +
        "  nbdinfo nbd://127.0.0.1:10809/disk\n",
    );
  addSettingOptions(command, nbdSettingsTable);
  command.action(async (members: readonly string[]) => {
    const flags = command.opts<ExportFlags>();
    const specs = parseExports(flags, members);
    const { values } = await settingsOf(command, nbdSettingsTable);
    const { force = false, plain = false } = flags;
    const options = { force, plain, note: (text: string) => io.note(text) };
    const open = async (world: World, logger: Logger): Promise<readonly OpenedExport[]> =>
      await openExports(world, specs, {
        ...options,
        raid: raidOptionsOf(values),
        onEvent: logArray(logger),
      });
    await serveNbd(values, open, io);
  });
}

function collect(given: string, before: readonly string[] = []): readonly string[] {
  return [...before, given];
}

async function serveNbd(
  settings: NbdSettings,
  open: (world: World, logger: Logger) => Promise<readonly OpenedExport[]>,
  io: CommandIo,
): Promise<void> {
  const endpoints = endpointsOf(settings);
  if (endpoints.tcp !== undefined) requireTlsBeyondLoopback(endpoints.tcp.host, settings);
  const logger = createLogger({ level: settings["log-level"], quiet: io.quiet });
  const tls = await readTls(settings, logger);
  const options = optionsOf(settings, tls);

  const world = logger.isLevelEnabled("debug") ? hostWorld(traceTo(logger)) : hostWorld();
  const opened = await open(world, logger);
  for (const { array } of opened) if (array !== undefined) logHealth(logger, array.status());
  const exports = opened.map((one) => one.export);
  const server = new NbdServer(world, exports, options, tls.server);
  const close = async (): Promise<void> => {
    await server.close(settings["nbd-drain-timeout"] * MS_PER_SECOND);
    await closeAll(opened);
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
  endpoints: Endpoints,
  tls: NbdTls,
  opened: readonly OpenedExport[],
  io: CommandIo,
): void {
  if (io.quiet && !io.json) return;
  const exports = opened.map(({ spec, volume, array }) => {
    return { ...spec, sizeBytes: volume.sizeBytes, health: array?.status().health };
  });
  const { tcp, socket } = endpoints;
  const where = { host: tcp?.host, port: tcp?.port, socket, tls: tls.policy };
  io.result({ ready: true, version, pid: process.pid, ...where, exports }, () =>
    [
      `${io.style("bold", `Holdfast ${version}`)} serves NBD`,
      ...exports.map((one) => {
        const size = amount(one.sizeBytes, "bytes");
        const health = one.health === "degraded" ? io.style("yellow", ", degraded") : "";
        return `  export    "${one.name}", ${size}${one.readOnly ? ", read-only" : ""}${health}`;
      }),
      ...urlsOf(endpoints, tls.policy, exports[0]?.name ?? "").map(
        (url) => `  connect   ${io.style("cyan", `nbdinfo '${url}'`)}`,
      ),
      "  stop      Ctrl-C",
    ].join("\n"),
  );
}
