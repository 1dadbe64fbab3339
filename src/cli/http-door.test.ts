import { expect, test } from "vitest";
import { type HttpDoorOptions, isAllowedHost, routes } from "./http-door.ts";
import { Metrics } from "./metrics.ts";
import type { NodeState } from "./node-health.ts";
import { localDoor, nodeStatus } from "./http-door.suite.ts";

async function get(
  path: string,
  init: RequestInit & { readonly state?: NodeState; readonly door?: HttpDoorOptions } = {},
): Promise<Response> {
  const metrics = new Metrics();
  metrics.add([
    { name: "holdfast_test_total", help: "a count", kind: "counter", read: () => 7 },
    { name: "holdfast_test_bytes", help: "a size", kind: "gauge", read: () => 3 },
  ]);
  const { state = "ready", door = localDoor, ...rest } = init;
  const headers = { Host: "localhost:7381", ...(rest.headers as Record<string, string>) };
  return await routes(door, () => nodeStatus(state), metrics).request(path, { ...rest, headers });
}

test("it is alive in every state, and ready in one", async () => {
  for (const state of ["starting", "ready", "draining", "failed"] as const) {
    expect((await get("/livez", { state })).status).toBe(200);
    expect((await get("/readyz", { state })).status).toBe(state === "ready" ? 200 : 503);
  }
  const response = await get("/readyz", { state: "failed" });
  expect(await response.text()).toBe("failed: the disk is gone\n");
});

test("metrics have what was added, read when they are asked for", async () => {
  const text = await (await get("/metrics")).text();
  expect(text).toContain("# TYPE holdfast_test_total counter\nholdfast_test_total 7");
  expect(text).toContain("# TYPE holdfast_test_bytes gauge\nholdfast_test_bytes 3");
  expect(text).toContain("process_resident_memory_bytes");
  expect(text).toMatch(/^nodejs_eventloop_busy_seconds_total \d/mu);
  // It would take a timer that never rests.
  expect(text).not.toContain("nodejs_eventloop_lag_p99_seconds");
});

test("a name that is not ours gets a 421, whatever is asked for", async () => {
  for (const path of ["/livez", "/metrics", "/none"]) {
    const response = await get(path, { headers: { Host: "evil.example" } });
    expect(response.status).toBe(421);
  }
});

test.each([
  ["localhost", true],
  ["LOCALHOST:7381", true],
  ["127.0.0.1:7381", true],
  ["[::1]:7381", true],
  ["10.1.2.3", true],
  ["db.example:7381", true],
  ["evil.example", false],
  ["localhost.evil.example", false],
  ["127.0.0.1.evil.example", false],
  ["", false],
  [undefined, false],
])("the host %o is allowed: %o", (host, isAllowed) => {
  expect(isAllowedHost(host, ["db.example"])).toBe(isAllowed);
});

test("nothing can be changed through it", async () => {
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
    const response = await get("/livez", { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, HEAD");
  }
});

test("every answer has the headers that keep a browser from misusing it", async () => {
  for (const path of ["/livez", "/metrics", "/none"]) {
    const { headers } = await get(path);
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
  }
});

test("beyond loopback, figures ask for the password and health does not", async () => {
  const door = { ...localDoor, host: "0.0.0.0", password: "secret" };
  expect((await get("/livez", { door })).status).toBe(200);
  for (const path of ["/metrics", "/status"]) {
    expect((await get(path, { door })).status).toBe(401);
    const wrong = { Authorization: `Basic ${btoa("any:wrong")}` };
    expect((await get(path, { door, headers: wrong })).status).toBe(401);
    const right = { Authorization: `Basic ${btoa("any:secret")}` };
    expect((await get(path, { door, headers: right })).status).toBe(200);
  }
});
