/**
 * Gathers the settings of a command from where they may come: a flag is stronger than a variable
 * `HOLDFAST_*`, that than a line of the configuration file, that than the default. What is wrong
 * is an error that names the place and, for a name that does not exist, the one it resembles.
 */

import { readFile } from "node:fs/promises";
import { parse as parseToml } from "smol-toml";
import * as v from "valibot";
import { messageOf } from "../base/fault.ts";
import { UsageError } from "./command-io.ts";
import { nbdSettingNames } from "./nbd-settings.ts";
import { settingNames, type SettingDefinition, type SettingsTable } from "./settings-table.ts";
import { didYouMean } from "../base/suggest.ts";

const NBD_PREFIX = /^nbd-/u;
const ENVIRONMENT_PREFIX = "HOLDFAST_";
/** Variables that are no settings of the table: the file's path, and a secret. */
export const CONFIG_VARIABLE = "HOLDFAST_CONFIG";
export const PASSWORD_VARIABLE = "HOLDFAST_REQUIREPASS";

export interface SettingSources {
  /** By the setting's name; what was not given is absent. */
  readonly flags: Readonly<Partial<Record<string, string | readonly string[]>>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The configuration file that a flag named. */
  readonly configFile: string | undefined;
}

export interface GatheredSettings<S> {
  readonly values: S;
  /** Where each came from: `flag --port`, `variable HOLDFAST_PORT`, `a.toml`, `default`. */
  readonly origins: Readonly<Record<keyof S, string>>;
}

interface Given {
  readonly value: unknown;
  readonly origin: string;
}

/** The settings of every command: each may be given where another command finds it too. */
const allNames: readonly string[] = [...new Set([...settingNames, ...nbdSettingNames])];

export async function gatherSettings<S>(
  table: SettingsTable<S>,
  sources: SettingSources,
): Promise<GatheredSettings<S>> {
  const configFile = sources.configFile ?? sources.environment[CONFIG_VARIABLE];
  const fromFile = configFile === undefined ? new Map() : await readConfigFile(configFile);
  const fromEnvironment = readEnvironment(sources.environment);

  const values: Partial<Record<string, unknown>> = {};
  const origins: Partial<Record<string, string>> = {};
  for (const [name, definition] of Object.entries<SettingDefinition<unknown>>(table)) {
    const given = fromFlag(name, sources) ?? fromEnvironment.get(name) ?? fromFile.get(name);
    values[name] = given === undefined ? definition.default : check(name, definition, given);
    origins[name] = given?.origin ?? "default";
  }
  return { values: values as S, origins: origins as Record<keyof S, string> };
}

/** The settings of the NBD server are flags of its command alone, and need no prefix there. */
export function flagOf(name: string): string {
  return `--${name.replace(NBD_PREFIX, "")}`;
}

export function variableOf(name: string): string {
  return `${ENVIRONMENT_PREFIX}${name.toUpperCase().replaceAll("-", "_")}`;
}

function fromFlag(name: string, sources: SettingSources): Given | undefined {
  const value = sources.flags[name];
  return value === undefined ? undefined : { value, origin: `flag ${flagOf(name)}` };
}

function check(name: string, { parser }: SettingDefinition<unknown>, given: Given): unknown {
  const result = v.safeParse(parser, given.value);
  if (result.success) return result.output;

  const [issue] = result.issues;
  const shown = JSON.stringify(given.value);
  throw new UsageError(`${name} = ${shown} (from ${given.origin}) is refused: ${issue.message}`);
}

function readEnvironment(environment: SettingSources["environment"]): ReadonlyMap<string, Given> {
  const byVariable = new Map(allNames.map((name) => [variableOf(name), name]));
  const found = new Map<string, Given>();
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith(ENVIRONMENT_PREFIX) || value === undefined) continue;
    if (variable === CONFIG_VARIABLE || variable === PASSWORD_VARIABLE) continue;
    if (isServiceLink(variable, value)) continue;

    const name = byVariable.get(variable);
    if (name === undefined) {
      const meant = didYouMean(variable, [...byVariable.keys()]);
      throw new UsageError(`the variable ${variable} is no setting${meant}; ${LIST_HINT}`);
    }
    found.set(name, { value, origin: `variable ${variable}` });
  }
  return found;
}

/** What others call a password in their files. */
const PASSWORD_NAMES: ReadonlySet<string> = new Set(["requirepass", "password", "pass", "auth"]);
const LIST_HINT = '"holdfast config" lists all';

/**
 * Kubernetes puts the addresses of a service called `holdfast` into every container, as
 * `HOLDFAST_SERVICE_HOST`, `HOLDFAST_PORT=tcp://10.0.0.1:7379` and `HOLDFAST_PORT_7379_TCP`.
 * They are not meant for us, and refusing to start over them would be a riddle.
 */
function isServiceLink(variable: string, value: string): boolean {
  return (
    /^HOLDFAST_SERVICE_(?:HOST|PORT(?:_\w+)?)$/u.test(variable) ||
    /^HOLDFAST_PORT_\d+_(?:TCP|UDP)(?:_\w+)?$/u.test(variable) ||
    (variable === variableOf("port") && /^(?:tcp|udp):\/\//u.test(value))
  );
}

async function readConfigFile(path: string): Promise<ReadonlyMap<string, Given>> {
  const table = parseConfig(path, await readText(path));
  const found = new Map<string, Given>();
  for (const [name, value] of Object.entries(table)) {
    if (PASSWORD_NAMES.has(name)) {
      throw new UsageError(
        `${path}: a password has a file of its own: write it there, and here ` +
          'requirepass-file = "FILE"',
      );
    }
    if (!allNames.includes(name)) {
      const meant = didYouMean(name, allNames);
      throw new UsageError(`${path}: there is no setting "${name}"${meant}; ${LIST_HINT}`);
    }
    found.set(name, { value, origin: path });
  }
  return found;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new UsageError(`the configuration file cannot be read: ${messageOf(error)}`);
  }
}

function parseConfig(path: string, text: string): Readonly<Record<string, unknown>> {
  try {
    return parseToml(text);
  } catch (error) {
    throw new UsageError(`${path} is not TOML: ${messageOf(error)}`);
  }
}
