/** `holdfast inspect`: what a store on disk consists of. */

import type { Command } from "commander";
import { hostWorld } from "../host/world.ts";
import { inspectStore, type StoreDescription } from "../store/verify.ts";
import { type CommandIo, EXIT } from "./command-io.ts";
import { WHERE_HELP, withDataVolume } from "./data-volume.ts";
import { thousands } from "./progress.ts";

export function addInspectCommand(program: Command, io: CommandIo): void {
  program
    .command("inspect")
    .summary("show what a store on disk consists of")
    .description(
      "Shows the superblock, the log and the tree of a store that nobody has open. Changes " +
        "nothing, but that an array puts its journal in place. Ends with 3 if a copy of the " +
        "superblock is damaged.",
    )
    .argument("<where...>", WHERE_HELP)
    .addHelpText(
      "after",
      "\nExample:\n  holdfast inspect ./holdfast-data\n  holdfast inspect a.img b.img c.img\n",
    )
    .action(async (where: readonly string[]) => {
      const world = hostWorld();
      const store = await withDataVolume(world, where, "inspect", (volume) =>
        inspectStore(world, volume),
      );
      io.result(store, () => formatStore(store));
      const isDamaged = store.superblockCopies.some((copy) => copy.includes("damaged"));
      io.setExitCode(isDamaged ? EXIT.degraded : EXIT.ok);
    });
}

/** The lines that `verify` prints too. */
export function formatStore(store: StoreDescription): string {
  const { log, pages, tree } = store;
  return [
    `volume      ${store.volume}, ${thousands(store.volumeBytes)} bytes, id ${store.volumeId}`,
    `generation  ${store.generation}, view ${store.view}, ` +
      (store.isCleanlyClosed ? "cleanly closed" : "not cleanly closed: its log will be replayed"),
    ...store.superblockCopies.map((copy) => `superblock  ${copy}`),
    `log         ring of ${thousands(log.ringBytes)} bytes, ` +
      `${thousands(log.placedBytes)} of them on the volume, units of ${log.unitBytes}; ` +
      `replays from entry ${log.replayFromLsn}, batch ${log.anchorBatch}`,
    `pages       ${thousands(pages.usedCount)} of ${thousands(pages.pageCount)} in use, ` +
      `${pages.pageBytes} bytes each, from byte ${pages.at}`,
    `tree        ${thousands(tree.rowCount)} rows in the checkpoint, ${tree.levels} levels, ` +
      `root on page ${tree.rootPage}, generation ${tree.generation}`,
  ].join("\n");
}
