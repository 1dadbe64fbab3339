/** The settings as options of a command, and what the command line said of them. */

import { type Command, Option } from "commander";
import { UsageError } from "./command-io.ts";
import { type GatheredSettings, gatherSettings, PASSWORD_VARIABLE } from "./settings.ts";
import { flagOf, variableOf } from "./settings.ts";
import type { SettingDefinition, SettingsTable } from "./settings-table.ts";

/** Flags that others use for a password, which has no business on a command line. */
const PASSWORD_FLAGS = ["--password", "--requirepass", "--pass"] as const;

export function addSettingOptions<S>(command: Command, table: SettingsTable<S>): void {
  command.option("--config <file>", "TOML file with settings (HOLDFAST_CONFIG)");
  for (const [name, { placeholder, help, isRepeated }] of definitionsOf(table)) {
    const flags = `${flagOf(name)} <${placeholder}>`;
    const option = new Option(flags, `${help} (${variableOf(name)})`);
    if (isRepeated === true) option.argParser(collect);
    command.addOption(option);
  }
  for (const flag of PASSWORD_FLAGS) {
    const option = new Option(`${flag} [text]`).hideHelp();
    command.addOption(option);
    command.on(`option:${option.name()}`, refusePassword);
  }
}

/** Gathers the settings for a command that `addSettingOptions` was called on. */
export async function settingsOf<S>(
  command: Command,
  table: SettingsTable<S>,
): Promise<GatheredSettings<S>> {
  const options = command.opts<Record<string, unknown>>();
  const flags: Partial<Record<string, string | readonly string[]>> = {};
  for (const [name] of definitionsOf(table)) {
    const given = options[new Option(`${flagOf(name)} <value>`).attributeName()];
    if (typeof given === "string" || isNames(given)) flags[name] = given;
  }
  const { config } = options;
  return await gatherSettings(table, {
    flags,
    environment: process.env,
    configFile: typeof config === "string" ? config : undefined,
  });
}

function collect(given: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), given];
}

function isNames(given: unknown): given is readonly string[] {
  return Array.isArray(given);
}

function definitionsOf<S>(table: SettingsTable<S>): [string, SettingDefinition<unknown>][] {
  return Object.entries<SettingDefinition<unknown>>(table);
}

function refusePassword(): never {
  throw new UsageError(
    "a password on the command line can be read by everyone on this machine: write it into a " +
      `file and give --requirepass-file FILE, or set ${PASSWORD_VARIABLE}`,
  );
}
