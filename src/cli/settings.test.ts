import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { UsageError } from "./command-io.ts";
import { gatherSettings, type SettingSources } from "./settings.ts";
import { parseSize, settingsTable } from "./settings-table.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-settings-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const nothing: SettingSources = { flags: {}, environment: {}, configFile: undefined };

function configFile(text: string): string {
  const path = join(folder, "holdfast.toml");
  writeFileSync(path, text);
  return path;
}

async function refusal(sources: SettingSources): Promise<string> {
  const error: unknown = await gatherSettings(settingsTable, sources).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UsageError);
  return error instanceof Error ? error.message : "";
}

test("a flag is stronger than a variable, that than the file, that than the default", async () => {
  const file = configFile('port = 1\ncache = "1G"\nhost = "::1"\nlog = 8388608');
  const environment = { HOLDFAST_PORT: "2", HOLDFAST_CACHE: "2G", HOLDFAST_CONFIG: file };
  const { values, origins } = await gatherSettings(settingsTable, {
    flags: { port: "3" },
    environment,
    configFile: undefined,
  });

  expect(values.port).toBe(3);
  expect(origins.port).toBe("flag --port");
  expect(values.cache).toBe(2 * 1024 ** 3);
  expect(origins.cache).toBe("variable HOLDFAST_CACHE");
  expect(values.host).toBe("::1");
  expect(origins.host).toBe(file);
  expect(values.log).toBe(8_388_608);
  expect(values["http-port"]).toBe(7381);
  expect(origins["http-port"]).toBe("default");
});

test("an unknown variable is an error that names the one that was meant", async () => {
  const message = await refusal({ ...nothing, environment: { HOLDFAST_PROT: "1" } });
  expect(message).toContain('HOLDFAST_PROT is no setting (did you mean "HOLDFAST_PORT"?)');
});

test("an unknown line of the file is an error that names file and line", async () => {
  const file = configFile("http-prot = 1");
  const message = await refusal({ ...nothing, configFile: file });
  expect(message).toContain(`${file}: there is no setting "http-prot" (did you mean "http-port"?)`);
});

test.each(["requirepass", "password"])("a %s in a file is told where it belongs", async (name) => {
  const file = configFile(`${name} = "s3cret"`);
  const message = await refusal({ ...nothing, configFile: file });
  expect(message).toContain('requirepass-file = "FILE"');
  expect(message).not.toContain("s3cret");
});

test("a file that is no TOML, or is not there, is an error", async () => {
  expect(await refusal({ ...nothing, configFile: configFile("port = = 1") })).toContain("not TOML");
  expect(await refusal({ ...nothing, configFile: join(folder, "none") })).toContain("ENOENT");
});

test.each<[SettingSources["flags"], string]>([
  [{ port: "" }, "a whole number"],
  [{ port: "1.5" }, "a whole number"],
  [{ port: "65536" }, "at most 65535"],
  [{ port: "-1" }, "at least 0"],
  [{ cache: "1" }, "at least 4.0 MiB"],
  [{ cache: "much" }, "a size such as 256M"],
  [{ host: "" }, "must not be empty"],
  [{ "log-level": "loud" }, "debug, info, warn or error"],
])("%o is refused", async (flags, reason) => {
  expect(await refusal({ ...nothing, flags })).toContain(reason);
});

test("names are separated by commas, or a list in the file", async () => {
  const flags = { "allowed-hosts": "a.example, b.example" };
  const fromFlag = await gatherSettings(settingsTable, { ...nothing, flags });
  expect(fromFlag.values["allowed-hosts"]).toEqual(["a.example", "b.example"]);

  const file = configFile('allowed-hosts = ["a.example"]');
  const fromFile = await gatherSettings(settingsTable, { ...nothing, configFile: file });
  expect(fromFile.values["allowed-hosts"]).toEqual(["a.example"]);
});

test("what Kubernetes says of a service called holdfast is not taken for a setting", async () => {
  const environment = {
    HOLDFAST_SERVICE_HOST: "10.0.0.1",
    HOLDFAST_SERVICE_PORT: "7379",
    HOLDFAST_SERVICE_PORT_REDIS: "7379",
    HOLDFAST_PORT: "tcp://10.0.0.1:7379",
    HOLDFAST_PORT_7379_TCP_ADDR: "10.0.0.1",
  };
  const { values, origins } = await gatherSettings(settingsTable, { ...nothing, environment });
  expect(values.port).toBe(7379);
  expect(origins.port).toBe("default");
});

test.each([
  ["256M", 256 * 1024 ** 2],
  ["256MiB", 256 * 1024 ** 2],
  ["1g", 1024 ** 3],
  ["4096", 4096],
  ["", Number.NaN],
  ["12Q", Number.NaN],
  ["-1M", Number.NaN],
])("the size %o is %d bytes", (given, bytes) => {
  expect(parseSize(given)).toBe(bytes);
});

test("disks are one flag each, or a list", async () => {
  const flags = { raid: "5", disk: ["/a,b", "/c"] };
  const { values, origins } = await gatherSettings(settingsTable, { ...nothing, flags });
  expect([values.raid, values.disk]).toEqual([5, ["/a,b", "/c"]]);
  expect(origins.disk).toBe("flag --disk");
  const environment = { HOLDFAST_RAID: "1", HOLDFAST_DISK: "/a,/b" };
  const fromVariables = await gatherSettings(settingsTable, { ...nothing, environment });
  expect([fromVariables.values.raid, fromVariables.values.disk]).toEqual([1, ["/a", "/b"]]);
  expect(await refusal({ ...nothing, flags: { raid: "7" } })).toContain("give 0, 1, 4, 5 or 6");
});
