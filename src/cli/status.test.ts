import { expect, test } from "vitest";
import { UsageError } from "./command-io.ts";
import { hear } from "./heard-io.suite.ts";
import { addStatusCommand } from "./status.ts";

test.each(["foo", "127.0.0.1:7381", "file:///etc/passwd", ""])(
  "%j is no address to ask, and what one looks like is said",
  async (url) => {
    const asked = hear(["status", "--url", url], addStatusCommand);
    await expect(asked).rejects.toBeInstanceOf(UsageError);
    await expect(asked).rejects.toThrow("http://127.0.0.1:7381");
  },
);
