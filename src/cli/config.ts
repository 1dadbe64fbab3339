/** `holdfast config`: the settings in force, and where each of them came from. */

import type { Command } from "commander";
import type { CommandIo } from "./command-io.ts";
import { amount } from "./progress.ts";
import { addSettingOptions, settingsOf } from "./setting-options.ts";
import { type GatheredSettings, PASSWORD_VARIABLE } from "./settings.ts";
import { type SettingName, settingNames, type Settings, settingsTable } from "./settings-table.ts";

interface Row {
  readonly name: string;
  readonly value: string;
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
  addSettingOptions(command);
  command.action(async () => {
    const gathered = await settingsOf(command);
    io.result(describe(gathered), () => formatTable(rows(gathered), io));
  });
}

function describe({ values, origins }: GatheredSettings): unknown {
  return Object.fromEntries(
    settingNames.map((name) => [name, { value: values[name] ?? null, from: origins[name] }]),
  );
}

function rows({ values, origins }: GatheredSettings): readonly Row[] {
  const table = settingNames.map((name) => ({
    name,
    value: show(name, values[name]),
    origin: origins[name],
  }));
  const isSecretSet = process.env[PASSWORD_VARIABLE] !== undefined;
  const isOverruled = values["requirepass-file"] !== undefined;
  if (!isSecretSet || isOverruled) return table;
  return [
    ...table,
    { name: "(password)", value: "set, not shown", origin: `variable ${PASSWORD_VARIABLE}` },
  ];
}

function show(name: SettingName, value: Settings[SettingName]): string {
  if (value === undefined) return "-";
  if (typeof value === "object") return value.length === 0 ? "-" : value.join(",");
  const isSize = settingsTable[name].placeholder === "size";
  return isSize ? amount(Number(value), "bytes") : String(value);
}

function formatTable(table: readonly Row[], io: CommandIo): string {
  const nameWidth = Math.max(...table.map(({ name }) => name.length));
  const valueWidth = Math.max(...table.map(({ value }) => value.length));
  return table
    .map(({ name, value, origin }) => {
      const from = origin === "default" ? io.style("dim", origin) : origin;
      return `${name.padEnd(nameWidth)}  ${value.padEnd(valueWidth)}  ${from}`;
    })
    .join("\n");
}
