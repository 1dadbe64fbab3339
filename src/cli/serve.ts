/**
 * `holdfast serve`: one node, from its settings to its end. SIGTERM and SIGINT drain it and end
 * with 0; a second one ends the process at once, which loses nothing that was acknowledged.
 */

import type { Command } from "commander";
import { hostWorld } from "../host/world.ts";
import { type CommandIo, EXIT, UsageError } from "./command-io.ts";
import { requirePasswordBeyondLoopback } from "./listen-address.ts";
import { createLogger } from "./logging.ts";
import { fileName } from "../host/file-name.ts";
import { ServingNode } from "./node.ts";
import { openDoor, requireFreePort } from "./open-door.ts";
import { openStore } from "./open-store.ts";
import { readPassword } from "./password.ts";
import { addSettingOptions, settingsOf } from "./setting-options.ts";
import { type Settings, settingsTable, whereOf } from "./settings-table.ts";
import { stopOnBugs, stopOnSignals } from "./stopping.ts";
import { traceTo } from "./trace-log.ts";
import { version } from "./version.ts";

export function addServeCommand(program: Command, io: CommandIo): void {
  const command = program
    .command("serve")
    .summary("start a node that Redis clients talk to")
    .description(
      "Starts one node on a data directory: Redis clients on --port, health and metrics on " +
        "--http-port. What it acknowledged survives a crash and a loss of power. With --raid the " +
        "data is on an array of disks, and survives the loss of some of them too.",
    )
    .option("--single", "one node by itself, which is what it is so far anyway")
    .addHelpText(
      "after",
      "\nExample:\n  holdfast serve --data ./data --port 7379\n" +
        "  redis-cli -p 7379 set greeting hello\n" +
        "  holdfast serve --raid 5 --disk /disks/a --disk /disks/b --disk /disks/c\n",
    );
  addSettingOptions(command, settingsTable);
  command.action(async () => {
    const { values, origins } = await settingsOf(command, settingsTable);
    checkDisks(values, origins.data !== "default");
    const [disk, spare] = [values.disk.map(fileName), values.spare.map(fileName)];
    await serve({ ...values, disk, spare }, io);
  });
}

function checkDisks({ raid, disk, spare }: Settings, hasData: boolean): void {
  if (raid !== undefined && disk.length === 0) {
    throw new UsageError("--raid needs its disks: --disk a --disk b --disk c");
  }
  if (raid === undefined && 0 < disk.length + spare.length) {
    throw new UsageError("--disk and --spare need the level of the array: --raid 5");
  }
  if (raid !== undefined && hasData) {
    throw new UsageError("the data is either in a directory (--data) or on disks (--raid)");
  }
}

async function serve(settings: Settings, io: CommandIo): Promise<void> {
  const password = await readPassword(settings["requirepass-file"], process.env);
  requirePasswordBeyondLoopback(settings.host, password);
  requirePasswordBeyondLoopback(settings["http-host"], password);

  const logger = createLogger({ level: settings["log-level"], quiet: io.quiet });
  const world = hostWorld(traceTo(logger));
  const node = new ServingNode({
    settings,
    password,
    logger,
    openStore: async () => {
      await requireFreePort(world, settings);
      return await openStore(world, settings, logger, io);
    },
    openDoor: async (store) => await openDoor(world, store, settings, password),
  });
  stopOnSignals(async () => await node.stop(), logger);
  stopOnBugs(logger);

  if (await node.start()) {
    const { redis: port, http: httpPort } = node.ports;
    logger.info({ host: settings.host, port, httpPort }, "serving");
    announce(node, settings, io);
  }
  const failure = await node.ended;
  if (failure === undefined) logger.info("stopped");
  io.setExitCode(failure === undefined ? EXIT.ok : EXIT.failed);
}

function announce(node: ServingNode, settings: Settings, io: CommandIo): void {
  const { redis, http } = node.ports;
  const { host } = settings;
  const data = whereOf(settings);
  const ready = { ready: true, version, pid: process.pid, host, port: redis, httpPort: http, data };
  if (io.quiet && !io.json) return;
  io.result(ready, () =>
    [
      `${io.style("bold", `Holdfast ${version}`)} is ready`,
      `  data      ${data}`,
      `  connect   ${io.style("cyan", `redis-cli -h ${host} -p ${redis}`)}`,
      `  health    http://${settings["http-host"]}:${http}/readyz, /metrics, /status`,
      "  stop      Ctrl-C",
    ].join("\n"),
  );
}
