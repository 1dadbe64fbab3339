/** How the tests run: two processes side by side, since that is what the smallest machine has. */

import type { ViteUserConfig } from "vitest/config";

const config: ViteUserConfig = {
  test: {
    include: ["src/**/*.test.ts", "tools/**/*.test.ts", "test/**/*.test.ts"],
    exclude: ["**/node_modules/**", "dist/**", "bench/**"],
    pool: "forks",
    maxWorkers: 2,
    // A limit is there to end what hangs, not to judge how fast a busy machine is.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    // No retries: a test that fails now and then is a bug, in itself or in what it tests.
    retry: 0,
  },
};

export default config;
