import { expect, test } from "vitest";
import { endpointsOf, urlsOf } from "./nbd-endpoints.ts";

const nothing = { "nbd-listen": undefined, "nbd-socket": undefined };

test("the usual port of this machine, unless something else is said", () => {
  const usual = { kind: "tcp", host: "127.0.0.1", port: 10_809 };
  expect(endpointsOf(nothing)).toEqual({ tcp: usual, socket: undefined });
  const socket = { ...nothing, "nbd-socket": "/run/nbd" };
  expect(endpointsOf(socket)).toEqual({ tcp: undefined, socket: "/run/nbd" });
  const both = { "nbd-listen": "[::1]:0", "nbd-socket": "/run/nbd" };
  expect(endpointsOf(both)).toEqual({
    tcp: { kind: "tcp", host: "::1", port: 0 },
    socket: "/run/nbd",
  });
});

test.each(["nowhere", ":10809", "a:b", "::1:5", "a:65536", "a:1:2", ""])(
  "%o is no address",
  (given) => {
    expect(() => endpointsOf({ ...nothing, "nbd-listen": given })).toThrow("give HOST:PORT");
  },
);

test("clients are told addresses that they can take", () => {
  const both = endpointsOf({ "nbd-listen": "[::1]:5", "nbd-socket": "/run/nbd" });
  expect(urlsOf(both, "off", "a b")).toEqual([
    "nbd://[::1]:5/a%20b",
    "nbd+unix:///a%20b?socket=/run/nbd",
  ]);
  expect(urlsOf(both, "required", "")).toEqual([
    "nbds://[::1]:5/",
    "nbds+unix:///?socket=/run/nbd",
  ]);
});
