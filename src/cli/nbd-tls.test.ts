import { expect, test } from "vitest";
import { UsageError } from "./command-io.ts";
import { requireTlsBeyondLoopback } from "./nbd-tls.ts";
import { type NbdSettings, nbdSettingsTable } from "./nbd-settings.ts";

const defaults = Object.fromEntries(
  Object.entries(nbdSettingsTable).map(([name, definition]) => [name, definition.default]),
) as unknown as NbdSettings;
const files = { "nbd-tls-certificate": "a", "nbd-tls-key": "b", "nbd-tls-client-ca": "c" };

test("beyond loopback only those are served who show a certificate", () => {
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "a-name"]) {
    const refused: Partial<NbdSettings>[] = [
      {},
      { ...files, "nbd-tls": "optional" },
      { ...files, "nbd-tls-client-ca": undefined },
      { ...files, "nbd-tls-certificate": undefined },
    ];
    for (const settings of refused) {
      const all = { ...defaults, ...settings };
      expect(() => requireTlsBeyondLoopback(host, all)).toThrow(UsageError);
      expect(() => requireTlsBeyondLoopback("127.0.0.1", all)).not.toThrow();
    }
    expect(() => requireTlsBeyondLoopback(host, { ...defaults, ...files })).not.toThrow();
  }
});
