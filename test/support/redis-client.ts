/**
 * An ioredis client that does nothing behind the test's back: it fails at once when its server
 * goes, and is gone when the test ends.
 */

import { Redis } from "ioredis";
import { onTestFinished } from "vitest";

export function connectTo(port: number, password = ""): Redis {
  const client = new Redis({ port, password, retryStrategy: null, maxRetriesPerRequest: 0 });
  // What goes wrong also reaches whoever awaits a reply, and there it is looked at.
  client.on("error", () => undefined);
  onTestFinished(() => client.disconnect());
  return client;
}
