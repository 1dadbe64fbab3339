import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const entry = fileURLToPath(new URL("../src/entry", import.meta.url));

/** The names that an entry point passes on, each with the file that it is written in. */
function passedOn(path: string): readonly { readonly name: string; readonly path: string }[] {
  const exports = readFileSync(path, "utf8").matchAll(
    /^export (?:type )?\{(?<names>[^}]*)\} from "(?<from>[^"]+)";/gmu,
  );
  return [...exports].flatMap(({ groups = {} }) => {
    const names = (groups["names"] ?? "").split(",").map((name) => name.trim());
    const from = join(dirname(path), groups["from"] ?? "");
    return names
      .filter((name) => name !== "")
      .map((name) => ({ name: name.replace(/^type /u, "").replace(/ as .*/u, ""), path: from }));
  });
}

/** Whether a comment ends right before what the file exports by this name. */
function isDocumented({ name, path }: { readonly name: string; readonly path: string }): boolean {
  const words = "(?:abstract |async )*(?:class|const|function|interface|type)";
  const documented = new RegExp(`\\*/\\nexport ${words} ${name}\\b`, "u");
  return documented.test(readFileSync(path, "utf8"));
}

test("every public name is documented", () => {
  const files = readdirSync(entry).filter((name) => !name.endsWith(".test.ts"));
  const names = files.flatMap((file) => passedOn(join(entry, file)));
  expect(names.length).toBeGreaterThan(100);
  const lacking = names.filter((one) => !isDocumented(one));
  expect(lacking.map(({ name, path }) => `${name} in ${path}`)).toEqual([]);
});
