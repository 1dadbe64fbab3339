import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { settingNames } from "./settings-table.ts";

test("the page of operations names every setting", () => {
  const page = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
  for (const name of settingNames) expect(page).toContain(`\`${name}\``);
});
