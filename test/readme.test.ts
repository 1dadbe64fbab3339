import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { root, temporaryDirectory } from "./support/directories.ts";
import { hasProgram } from "./support/programs.ts";
import { runHoldfast, Server } from "./support/server.ts";

const run = promisify(execFile);
const readme = readFileSync(join(root, "README.md"), "utf8");

/** What a clone has, and not what it makes of itself. */
const CLONED =
  "holdfast package.json package-lock.json tsconfig.json tsconfig.build.json src tools".split(" ");

function blocks(language: string): readonly string[] {
  const pattern = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gmu");
  return [...readme.matchAll(pattern)].map((match) => match[1] ?? "");
}

beforeAll(async () => {
  // Builds the program once, so that the library can be imported.
  await run("./holdfast", ["--version"], { cwd: root });
});

test("a clone builds itself at the first start, and only then", async () => {
  const clone = temporaryDirectory();
  for (const name of CLONED) cpSync(join(root, name), join(clone, name), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(clone, "node_modules"));

  const first = await run("./holdfast", ["--version"], { cwd: clone });
  expect(first.stdout).toMatch(/^\d+\.\d+\.\d+\n$/u);
  expect(first.stderr).toContain("building");
  const second = await run("./holdfast", ["--version"], { cwd: clone });
  expect(second).toEqual({ stdout: first.stdout, stderr: "" });
});

test("npm start serves, passes flags on, and Ctrl-C stops it in good order", async () => {
  const data = temporaryDirectory();
  const flags = ["--port", "0", "--http-port", "0", "--data", data, "--log", "8M", "--single"];
  // A group of its own, to which Ctrl-C goes on a terminal: npm and the server both.
  const child = spawn("npm", ["start", "--", ...flags], { cwd: root, detached: true });
  const group = -(child.pid ?? 0);
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
    });
  }
  onTestFinished(() => {
    if (!printed.includes('"stopped"')) process.kill(group, "SIGKILL");
  });
  await expect.poll(() => printed, { timeout: 60_000 }).toContain("is ready");
  expect(printed).toMatch(/redis-cli -h 127\.0\.0\.1 -p \d+/u);

  process.kill(group, "SIGINT");
  await once(child, "close");
  expect(printed).toContain('"stopped"');
});

test.skipIf(!hasProgram("redis-cli"))(
  "what the README types at redis-cli is answered so",
  async () => {
    const server = await Server.start({ data: temporaryDirectory() });
    const typed = blocks("console").flatMap((block) => block.split(/^\$ /mu).slice(1));
    expect(typed.length).toBeGreaterThan(3);
    for (const text of typed) {
      const [command = "", ...answer] = text.trimEnd().split("\n");
      const here = command.replace("redis-cli -p 7379", `redis-cli --no-raw -p ${server.port}`);
      expect(here).not.toBe(command);
      const { stdout } = await run("sh", ["-c", here]);
      expect(stdout.trimEnd().split("\n"), command).toEqual(answer);
    }
    await server.stop();
  },
);

test("the README's library example runs", async () => {
  const folder = temporaryDirectory();
  const [example = ""] = blocks("js");
  writeFileSync(join(folder, "example.mjs"), example);
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules", "holdfast"));
  const { stdout } = await run(process.execPath, ["example.mjs"], { cwd: folder });
  expect(stdout).toBe("1\n[ 'show', 7, 'left' ] 1\n");
});

test("commands and files that the README names exist", async () => {
  const { stdout: help } = await runHoldfast(["--help"]);
  for (const [, command = ""] of readme.matchAll(/\.\/holdfast ([a-z]+)/gu)) {
    expect(help).toMatch(new RegExp(`^ {2}${command} `, "mu"));
  }
  for (const [, path = ""] of readme.matchAll(/\]\(((?!http)[^)]+)\)/gu)) {
    expect(() => readFileSync(join(root, path))).not.toThrow("ENOENT");
  }
});
