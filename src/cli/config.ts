/** `holdfast config`: the settings in force, and where each of them came from. */

import type { Command } from "commander";
import type { CommandIo } from "./command-io.ts";
import { amount } from "./progress.ts";
import { addSettingOptions, settingsOf } from "./setting-options.ts";
import { nbdSettingsTable } from "./nbd-settings.ts";
import { type GatheredSettings, gatherSettings, PASSWORD_VARIABLE } from "./settings.ts";
import { type SettingDefinition, type SettingsTable, settingsTable } from "./settings-table.ts";

interface Row {
  readonly name: string;
  readonly value: unknown;
  /** The value for a person. */
  readonly shown: string;
  readonly origin: string;
}

export function addConfigCommand(program: Command, io: CommandIo): void {
  const command = program
    .command("config")
    .summary("show the settings in force, and whence")
    .description(
      "Shows every setting with its value and where that came from. A flag is stronger than a " +
        "variable HOLDFAST_*, that than the configuration file, that than the default.",
    )
    .addHelpText("after", "\nExample:\n  HOLDFAST_PORT=7000 holdfast config --cache 1G\n");
  addSettingOptions(command, settingsTable);
  command.action(async () => {
    const gathered = await settingsOf(command, settingsTable);
    const { config: configFile } = command.opts<{ readonly config?: string }>();
    // Those of the NBD server are flags of its own command, where some mean another thing.
    const nbdSources = { flags: {}, environment: process.env, configFile };
    const nbd = await gatherSettings(nbdSettingsTable, nbdSources);
    const all = [
      ...rows(settingsTable, gathered),
      ...rows(nbdSettingsTable, nbd).filter(({ name }) => !Object.hasOwn(settingsTable, name)),
    ];
    io.result(describe(all), () => formatTable([...all, ...secretRows(gathered.values)], io));
  });
}

function describe(all: readonly Row[]): unknown {
  return Object.fromEntries(
    all.map(({ name, value, origin }) => [name, { value: value ?? null, from: origin }]),
  );
}

function rows<S>(
  table: SettingsTable<S>,
  { values, origins }: GatheredSettings<S>,
): readonly Row[] {
  const valueOf = values as Readonly<Record<string, unknown>>;
  const originOf = origins as Readonly<Record<string, string>>;
  return Object.entries<SettingDefinition<unknown>>(table).map(([name, { placeholder }]) => {
    const value = valueOf[name];
    const shown = show(value, placeholder === "size");
    return { name, value, shown, origin: originOf[name] ?? "default" };
  });
}

function secretRows(settings: { readonly "requirepass-file": string | undefined }): readonly Row[] {
  const isSecretSet = process.env[PASSWORD_VARIABLE] !== undefined;
  const isOverruled = settings["requirepass-file"] !== undefined;
  if (!isSecretSet || isOverruled) return [];
  const origin = `variable ${PASSWORD_VARIABLE}`;
  return [{ name: "(password)", value: undefined, shown: "set, not shown", origin }];
}

function show(value: unknown, isSize: boolean): string {
  if (value === undefined) return "-";
  if (Array.isArray(value)) return value.length === 0 ? "-" : value.join(",");
  if (isSize) return amount(Number(value), "bytes");
  return typeof value === "string" ? value : JSON.stringify(value);
}

function formatTable(table: readonly Row[], io: CommandIo): string {
  const nameWidth = Math.max(...table.map(({ name }) => name.length));
  const valueWidth = Math.max(...table.map(({ shown }) => shown.length));
  return table
    .map(({ name, shown, origin }) => {
      const from = origin === "default" ? io.style("dim", origin) : origin;
      return `${name.padEnd(nameWidth)}  ${shown.padEnd(valueWidth)}  ${from}`;
    })
    .join("\n");
}
