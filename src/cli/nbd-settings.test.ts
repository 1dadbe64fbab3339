import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { nbdSettingNames } from "./nbd-settings.ts";

test("the page of the NBD server names every setting", () => {
  const page = readFileSync(new URL("../../docs/nbd.md", import.meta.url), "utf8");
  for (const name of nbdSettingNames) expect(page).toContain(`\`${name}\``);
});
