import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import { HostFiles } from "./host-files.ts";

test.skipIf(!existsSync("/proc/self"))(
  "a file system that takes no directories is told of, and not asked for ever",
  async () => {
    for (const path of ["/proc/holdfast", "/proc/holdfast/a/b"]) {
      const outcome: unknown = await new HostFiles().makeDirectory(path).catch((error) => error);
      if (!isFault(outcome)) return expect.fail(`made ${path}`);
      expect(outcome.message).toMatch(/^Cannot make the directory "\/proc\/holdfast": E/u);
    }
  },
);
