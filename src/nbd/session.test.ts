import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes } from "../base/bytes.ts";
import { encodeUtf8 } from "../base/utf8.ts";
import {
  counted,
  describeMessage,
  infoData,
  metaData,
  opening,
  option,
  request,
  u32,
} from "./client-bytes.suite.ts";
import type { ExportFacts } from "./export.ts";
import { COMMAND, COMMAND_FLAG, OPTION } from "./protocol.ts";
import { FRAME_ROOM_BYTES, type NbdRequest, type Outcome } from "./request.ts";
import { type Job, Session, type SessionEffect, type SessionOptions } from "./session.ts";
import { defaultNbdServerOptions } from "./settings.ts";

const MEBIBYTE = 1 << 20;

const disk: ExportFacts = {
  name: "disk",
  description: "a disk",
  sizeBytes: MEBIBYTE,
  writeUnitBytes: 4096,
  readOnly: false,
  sparse: true,
};
const archive: ExportFacts = { ...disk, name: "archive", readOnly: true };
const plain: ExportFacts = { ...disk, name: "plain", sparse: false };

type Settings = SessionOptions<ExportFacts>["settings"];

function sessionOf(settings: Partial<Settings> = {}): Session<ExportFacts> {
  const limits = { ...defaultNbdServerOptions, requestBytesMax: 65_536 };
  return new Session({
    exports: [disk, archive, plain],
    settings: { ...limits, ...settings },
  });
}

function describeEffect(effect: SessionEffect<ExportFacts>): string {
  switch (effect.kind) {
    case "send":
      return describeMessage(effect.bytes);
    case "perform":
      return `perform ${describeRequest(effect.job.request)} on ${effect.job.export.name}`;
    case "end":
      return `end: ${effect.reason}`;
    case "start tls":
      return effect.kind;
  }
}

function describeRequest(asked: NbdRequest): string {
  const facts = Object.entries(asked)
    .filter(([name]) => name !== "kind" && name !== "frame")
    .map(([name, value]) => (typeof value === "boolean" ? (value ? name : "") : String(value)));
  const sum = asked.kind === "write" ? asked.frame.reduce((total, byte) => total + byte, 0) : "";
  return [asked.kind, ...facts, sum].filter((part) => part !== "").join(" ");
}

/** What a session says to the bytes, in these pieces. */
function linesOf(pieces: readonly Uint8Array[], settings: Partial<Settings> = {}): string[] {
  const session = sessionOf(settings);
  return pieces.flatMap((piece) => session.receive(piece)).map(describeEffect);
}

/** However the bytes are cut, the effects must be the same. */
function checkSession(
  name: string,
  parts: readonly Uint8Array[],
  expected: readonly string[],
  settings: Partial<Settings> = {},
): void {
  const bytes = concatBytes(parts);
  test(name, () => {
    expect(linesOf([bytes], settings)).toEqual(expected);
    const single = [...bytes].map((byte) => Uint8Array.of(byte));
    expect(linesOf(single, settings), "byte by byte").toEqual(expected);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const halves = [bytes.slice(0, cut), bytes.slice(cut)];
      expect(linesOf(halves, settings), `cut at ${cut}`).toEqual(expected);
    }
  });
}

const EXPORT_LINE = "go: info export of 1048576 bytes, flags 3565";
const SIZES_LINE = "go: info block sizes 1 4096 65536";
const AGREED = [
  "structuredReply: ack",
  'setMetaContext: context 1 "base:allocation"',
  "setMetaContext: ack",
  EXPORT_LINE,
  SIZES_LINE,
  "go: ack",
];

describe("options", () => {
  checkSession(
    "the usual opening",
    [opening("disk"), request({ command: COMMAND.read, cookie: 1, at: 5, byteCount: 10 })],
    [...AGREED, "perform read 5 10 on disk"],
  );

  checkSession(
    "EXPORT_NAME is answered with padding unless the client can do without",
    [u32(1), option(OPTION.exportName, encodeUtf8("archive"))],
    ["export of 1048576 bytes, flags 1295, 134"],
  );
  checkSession(
    "EXPORT_NAME without padding",
    [u32(3), option(OPTION.exportName, encodeUtf8("disk"))],
    ["export of 1048576 bytes, flags 3437, 10"],
  );
  checkSession(
    "EXPORT_NAME knows no error",
    [u32(3), option(OPTION.exportName, encodeUtf8("none"))],
    ["end: it asked for an export that it can't have"],
  );
  checkSession(
    "a client that wants what was not offered is left",
    [u32(4), option(OPTION.list)],
    ["end: it does not speak this protocol"],
  );
  checkSession(
    "a browser is left",
    [encodeUtf8("GET / HTTP/1.1\r\n\r\n")],
    ["end: it does not speak this protocol"],
  );
  checkSession(
    "LIST names all, ABORT is acknowledged",
    [u32(3), option(OPTION.list), option(OPTION.abort)],
    [
      'list: server "disk"',
      'list: server "archive"',
      'list: server "plain"',
      "list: ack",
      "abort: ack",
      "end: the client left",
    ],
  );
  checkSession(
    "LIST can be off",
    [u32(3), option(OPTION.list)],
    ['list: error 2 "exports are not listed here: ask by name"'],
    { listsExports: false },
  );
  checkSession(
    "unknown options are refused, with data or without, and life goes on",
    [u32(3), option(99), option(11, counted("what")), option(4), option(OPTION.abort)],
    [
      '99: error 1 "there is no option 99 here"',
      '11: error 1 "there is no option 11 here"',
      '4: error 1 "there is no option 4 here"',
      "abort: ack",
      "end: the client left",
    ],
  );
  checkSession(
    "INFO tells what was asked for, and of an export that is not there nothing",
    [
      u32(3),
      option(OPTION.info, infoData("plain", [1, 2, 3, 77])),
      option(OPTION.info, infoData("none")),
      option(OPTION.info, infoData("")),
    ],
    [
      "info: info export of 1048576 bytes, flags 3405",
      'info: info 1 "plain"',
      'info: info 2 "a disk"',
      "info: info block sizes 1 4096 65536",
      "info: ack",
      'info: error 6 "there is no export of this name"',
      'info: error 6 "there is no export of this name"',
    ],
  );
  const malformed =
    'error 3 "the lengths in this option do not fit together, or a text is not UTF-8"';
  checkSession(
    "lengths inside of options are not believed",
    [
      u32(3),
      option(OPTION.go, u32(0xffff_ffff)),
      option(OPTION.go, concatBytes([infoData("disk"), Uint8Array.of(0)])),
      option(OPTION.go, infoData("disk", [1]).subarray(0, 11)),
      option(OPTION.go, new Uint8Array(0)),
      option(OPTION.go, concatBytes([u32(1), Uint8Array.of(0xff, 0, 0)])),
      option(OPTION.structuredReply, Uint8Array.of(1)),
      option(OPTION.structuredReply),
      option(OPTION.setMetaContext, concatBytes([counted("disk"), u32(0xffff_ffff)])),
      option(OPTION.list, Uint8Array.of(1)),
    ],
    [
      ...Array.from({ length: 5 }, () => `go: ${malformed}`),
      'structuredReply: error 3 "this option has no data"',
      "structuredReply: ack",
      `setMetaContext: ${malformed}`,
      'list: error 3 "this option has no data"',
    ],
  );
  checkSession(
    "contexts need structured replies, and count for one export alone",
    [
      u32(3),
      option(OPTION.setMetaContext, metaData("disk", ["base:allocation"])),
      option(OPTION.structuredReply),
      option(OPTION.listMetaContext, metaData("disk", [])),
      option(OPTION.listMetaContext, metaData("disk", ["base:"])),
      option(OPTION.listMetaContext, metaData("disk", ["x-other:"])),
      option(OPTION.setMetaContext, metaData("disk", ["x-other:y", "base:allocation"])),
      option(OPTION.go, infoData("plain")),
      request({ command: COMMAND.blockStatus, cookie: 7, byteCount: 512 }),
    ],
    [
      'setMetaContext: error 3 "agree on structured replies before"',
      "structuredReply: ack",
      'listMetaContext: context 0 "base:allocation"',
      "listMetaContext: ack",
      'listMetaContext: context 0 "base:allocation"',
      "listMetaContext: ack",
      "listMetaContext: ack",
      'setMetaContext: context 1 "base:allocation"',
      "setMetaContext: ack",
      "go: info export of 1048576 bytes, flags 3533",
      SIZES_LINE,
      "go: ack",
      '7: error 22 "no metadata context was chosen"',
    ],
  );
  checkSession(
    "the last choice of contexts counts, even if it failed",
    [
      u32(3),
      option(OPTION.structuredReply),
      option(OPTION.setMetaContext, metaData("disk", ["base:allocation"])),
      option(OPTION.setMetaContext, metaData("none", ["base:allocation"])),
      option(OPTION.go, infoData("disk")),
      request({ command: COMMAND.blockStatus, cookie: 7, byteCount: 512 }),
    ],
    [
      ...AGREED.slice(0, 3),
      'setMetaContext: error 6 "there is no export of this name"',
      ...AGREED.slice(3),
      '7: error 22 "no metadata context was chosen"',
    ],
  );

  test("what is too long is passed over, and refused", () => {
    const long = concatBytes([option(OPTION.info, new Uint8Array(70_000)), option(OPTION.abort)]);
    const expected = ['info: error 9 "this is too long"', "abort: ack", "end: the client left"];
    for (let size = 1; size < long.length; size += 9973) {
      const pieces = [u32(3)];
      for (let at = 0; at < long.length; at += size) pieces.push(long.slice(at, at + size));
      expect(linesOf(pieces)).toEqual(expected);
    }
  });

  test("haggling has an end", () => {
    const lines = linesOf([u32(3), ...Array.from({ length: 1025 }, () => option(99))]);
    expect(lines).toHaveLength(1025);
    expect(lines.at(-1)).toBe("end: it haggled for too long");
  });

  checkSession(
    "what is no option ends it",
    [u32(3), new Uint8Array(16)],
    ["end: it sent no option"],
  );
});

describe("TLS", () => {
  checkSession(
    "where it is required nothing goes without",
    [
      u32(3),
      option(OPTION.list),
      option(OPTION.structuredReply),
      option(OPTION.go, infoData("disk")),
      option(OPTION.exportName, encodeUtf8("disk")),
    ],
    [
      'list: error 5 "this server is for TLS only: begin with it"',
      'structuredReply: error 5 "this server is for TLS only: begin with it"',
      'go: error 5 "this server is for TLS only: begin with it"',
      "end: it asked for an export that it can't have",
    ],
    { tls: "required" },
  );
  checkSession(
    "without a certificate there is none",
    [u32(3), option(OPTION.startTls)],
    ['startTls: error 1 "this server has no certificate for TLS"'],
  );

  test("what was agreed on in the clear is forgotten", () => {
    const session = sessionOf({ tls: "optional" });
    session.receive(u32(3));
    session.receive(option(OPTION.structuredReply));
    session.receive(option(OPTION.setMetaContext, metaData("disk", ["base:allocation"])));
    const begun = session.receive(option(OPTION.startTls)).map(describeEffect);
    expect(begun).toEqual(["startTls: ack", "start tls"]);
    session.secured();
    const again = session.receive(option(OPTION.startTls)).map(describeEffect);
    expect(again).toEqual(['startTls: error 3 "TLS is on already"']);
    const set = option(OPTION.setMetaContext, metaData("disk", ["base:allocation"]));
    expect(session.receive(set).map(describeEffect)).toEqual([
      'setMetaContext: error 3 "agree on structured replies before"',
    ]);
    session.receive(option(OPTION.go, infoData("disk")));
    const read = request({ command: COMMAND.read, cookie: 3, at: MEBIBYTE, byteCount: 1 });
    expect(session.receive(read).map(describeEffect)).toEqual(["3: simple, error 22"]);
  });

  test.each([1, 16, 24])("what was smuggled in behind the request for it ends it", (count) => {
    const smuggled = option(OPTION.go, infoData("disk")).slice(0, count);
    const bytes = concatBytes([u32(3), option(OPTION.startTls), smuggled]);
    const expected = ["startTls: ack", "end: it spoke between asking for TLS and getting it"];
    expect(linesOf([bytes], { tls: "optional" })).toEqual(expected);
    const late = [bytes.slice(0, -count), bytes.slice(-count)];
    expect(linesOf(late, { tls: "optional" })).toEqual([
      "startTls: ack",
      "start tls",
      "end: it spoke between asking for TLS and getting it",
    ]);
  });
});

const { forceUnitAccess, noHole, fastZero, requestOne, dontFragment } = COMMAND_FLAG;

describe("requests", () => {
  checkSession(
    "every command, with its flags",
    [
      opening("disk"),
      request({ command: COMMAND.read, cookie: 1, flags: dontFragment, at: 9, byteCount: 3 }),
      request({
        command: COMMAND.write,
        cookie: 2,
        at: 4000,
        payload: new Uint8Array(200).fill(1),
      }),
      request({
        command: COMMAND.write,
        cookie: 2 ** 40 + 3,
        flags: forceUnitAccess,
        at: MEBIBYTE - 1,
        payload: Uint8Array.of(200),
      }),
      request({ command: COMMAND.flush, cookie: 4 }),
      request({ command: COMMAND.trim, cookie: 5, at: 0, byteCount: MEBIBYTE }),
      request({ command: COMMAND.cache, cookie: 6, at: 0, byteCount: MEBIBYTE }),
      request({ command: COMMAND.writeZeroes, cookie: 7, at: 1, byteCount: 70_000 }),
      request({
        command: COMMAND.writeZeroes,
        cookie: 8,
        flags: noHole | fastZero | forceUnitAccess,
        at: 1,
        byteCount: 2,
      }),
      request({ command: COMMAND.blockStatus, cookie: 9, flags: requestOne, byteCount: 2 }),
      request({ command: COMMAND.disconnect, cookie: 10 }),
      request({ command: COMMAND.flush, cookie: 11 }),
    ],
    [
      ...AGREED,
      "perform read 9 3 on disk",
      "perform write 4000 200 0 200 on disk",
      "perform write 1048575 1 durable 1044480 200 on disk",
      "perform flush on disk",
      "perform trim 0 1048576 on disk",
      "perform cache 0 65536 on disk",
      "perform zero 1 70000 mayTrim on disk",
      "perform zero 1 2 durable onlyIfFast on disk",
      "perform status 0 2 onlyOne on disk",
    ],
  );

  checkSession(
    "what makes no sense is refused, each by itself, and life goes on",
    [
      opening("disk"),
      request({ command: 77, cookie: 1, byteCount: 5 }),
      request({ command: COMMAND.read, cookie: 2, flags: 0x8000, byteCount: 1 }),
      request({ command: COMMAND.flush, cookie: 3, flags: noHole }),
      request({ command: COMMAND.read, cookie: 4, byteCount: 0 }),
      request({ command: COMMAND.read, cookie: 5, at: MEBIBYTE - 1, byteCount: 2 }),
      request({ command: COMMAND.trim, cookie: 6, at: 1, byteCount: MEBIBYTE }),
      request({ command: COMMAND.writeZeroes, cookie: 7, at: 1, byteCount: MEBIBYTE }),
      request({ command: COMMAND.write, cookie: 8, at: MEBIBYTE - 1, payload: new Uint8Array(2) }),
      request({ command: COMMAND.read, cookie: 9, at: 2 ** 63, byteCount: 1 }),
      request({ command: COMMAND.read, cookie: 10, at: 0, byteCount: 65_537 }),
      request({ command: COMMAND.read, cookie: 11, byteCount: 65_536 }),
    ],
    [
      ...AGREED,
      '1: error 22 "there is no command 77"',
      '2: error 22 "the flags 0x8000 are unknown"',
      '3: error 22 "the flags 0x2 are unknown"',
      '4: error 22 "the length is 0"',
      '5: error 22 "the export ends at 1048576"',
      '6: error 22 "the export ends at 1048576"',
      '7: error 28 "the export ends at 1048576"',
      '8: error 28 "the export ends at 1048576"',
      '9: error 22 "the export ends at 1048576"',
      '10: error 75 "65537 bytes in one request: send at most 65536"',
      "perform read 0 65536 on disk",
    ],
  );

  checkSession(
    "of a read-only export nothing is changed",
    [
      opening("archive"),
      request({ command: COMMAND.write, cookie: 1, payload: new Uint8Array(60) }),
      request({ command: COMMAND.trim, cookie: 2, byteCount: 1 }),
      request({ command: COMMAND.writeZeroes, cookie: 3, byteCount: 1 }),
      request({ command: COMMAND.flush, cookie: 4 }),
    ],
    [
      ...AGREED.slice(0, 3),
      "go: info export of 1048576 bytes, flags 1423",
      ...AGREED.slice(4),
      '1: error 1 "this export is read-only"',
      '2: error 1 "this export is read-only"',
      '3: error 1 "this export is read-only"',
      "perform flush on archive",
    ],
  );

  checkSession(
    "without structured replies errors are numbers",
    [
      u32(3),
      option(OPTION.go, infoData("plain")),
      request({ command: COMMAND.trim, cookie: 1, byteCount: 1 }),
      request({ command: COMMAND.read, cookie: 2, flags: dontFragment, byteCount: 1 }),
    ],
    [
      "go: info export of 1048576 bytes, flags 3405",
      SIZES_LINE,
      "go: ack",
      "1: simple, error 22",
      "2: simple, error 22",
    ],
  );

  test("a write that is too long is passed over as it comes, without room being made for it", () => {
    const session = sessionOf();
    session.receive(opening("disk"));
    session.receive(request({ command: COMMAND.write, cookie: 5, byteCount: 0xffff_ffff }));
    const piece = new Uint8Array(MEBIBYTE);
    for (let count = 0; count < 4095; count++) expect(session.receive(piece)).toEqual([]);
    expect(session.isWithin).toBe(true);
    const last = concatBytes([
      new Uint8Array(MEBIBYTE - 1),
      request({ command: COMMAND.flush, cookie: 6 }),
    ]);
    expect(session.receive(last).map(describeEffect)).toEqual([
      '5: error 75 "4294967295 bytes in one request: send at most 65536"',
      "perform flush on disk",
    ]);
  });

  checkSession(
    "what is no request ends it",
    [opening("disk"), new Uint8Array(28)],
    [...AGREED, "end: it sent no request"],
  );
});

function jobsOf(effects: readonly SessionEffect<ExportFacts>[]): Job<ExportFacts>[] {
  return effects.flatMap((effect) => (effect.kind === "perform" ? [effect.job] : []));
}

describe("answers", () => {
  const outcomes: readonly (readonly [Outcome, string, string])[] = [
    [{ kind: "done" }, "1: simple, error 0", "1: done"],
    [
      { kind: "data", frame: new Uint8Array(FRAME_ROOM_BYTES + 3) },
      "1: simple, error 0, 3 bytes",
      "1: 3 bytes at 4294967301",
    ],
    [{ kind: "hole", byteCount: 3 }, "1: simple, error 0, 3 bytes", "1: hole of 3 at 4294967301"],
    [
      { kind: "refused", error: 5, message: "a disk went away" },
      "1: simple, error 5",
      '1: error 5 "a disk went away"',
    ],
  ];
  test.each(outcomes)("%o", (outcome, simple, structured) => {
    const huge: ExportFacts = { ...disk, sizeBytes: 2 ** 40 };
    for (const [structures, expected] of [
      [false, simple],
      [true, structured],
    ] as const) {
      const session = new Session({ exports: [huge], settings: defaultNbdServerOptions });
      session.receive(u32(3));
      if (structures) session.receive(option(OPTION.structuredReply));
      session.receive(option(OPTION.go, infoData("")));
      const read = request({ command: COMMAND.read, cookie: 1, at: 2 ** 32 + 5, byteCount: 3 });
      const [job] = jobsOf(session.receive(read));
      if (job === undefined) throw new Error("the read is performed");
      expect(session.answer(job, outcome).map(describeEffect)).toEqual([expected]);
    }
  });

  test("extents", () => {
    const session = sessionOf();
    session.receive(opening("disk"));
    const status = request({ command: COMMAND.blockStatus, cookie: 1, byteCount: 100 });
    const [job] = jobsOf(session.receive(status));
    if (job === undefined) throw new Error("the question is performed");
    const extents = [
      { byteCount: 60, written: true },
      { byteCount: 40, written: false },
    ];
    const lines = session.answer(job, { kind: "extents", extents }).map(describeEffect);
    expect(lines).toEqual(["1: context 1: 60 0, 40 3"]);
  });
});

describe("limits", () => {
  const read = (cookie: number, byteCount: number): Uint8Array =>
    request({ command: COMMAND.read, cookie, byteCount });

  test("no more requests, and no more bytes of them, are under way than there may be", () => {
    const session = sessionOf({ inFlightCountMax: 3, inFlightBytesMax: 100 });
    session.receive(opening("disk"));
    const first = session.receive(concatBytes([read(1, 60), read(2, 40), read(3, 1), read(4, 1)]));
    expect(jobsOf(first).map((job) => job.header.cookieLow)).toEqual([1, 2]);
    expect(session.blocked).toBe(true);
    expect(session.receive(read(5, 1))).toEqual([]);
    expect(session.goOn()).toEqual([]);

    session.answer(jobsOf(first)[1] as Job<ExportFacts>, { kind: "done" });
    const more = session.goOn();
    expect(jobsOf(more).map((job) => job.header.cookieLow)).toEqual([3, 4]);
    expect(session.blocked).toBe(true);
    session.answer(jobsOf(first)[0] as Job<ExportFacts>, { kind: "done" });
    expect(jobsOf(session.goOn()).map((job) => job.header.cookieLow)).toEqual([5]);
    expect(session.blocked).toBe(false);
    expect(session.inFlightCount).toBe(3);
  });

  test("the longest request is let through by itself", () => {
    const session = sessionOf({ inFlightBytesMax: 10 });
    session.receive(opening("disk"));
    const jobs = jobsOf(session.receive(concatBytes([read(1, 60_000), read(2, 1)])));
    expect(jobs).toHaveLength(1);
    session.answer(jobs[0] as Job<ExportFacts>, { kind: "done" });
    expect(jobsOf(session.goOn())).toHaveLength(1);
  });

  test("while replies are not read nothing is begun", () => {
    const session = sessionOf();
    session.receive(opening("disk"));
    session.throttled = true;
    expect(session.blocked).toBe(true);
    for (const byte of read(1, 5)) expect(session.receive(Uint8Array.of(byte))).toEqual([]);
    expect(session.goOn()).toEqual([]);
    session.throttled = false;
    expect(jobsOf(session.goOn())).toHaveLength(1);
  });
});

describe("the end", () => {
  test("comes when what is under way is answered, and nothing more is taken", () => {
    const session = sessionOf();
    session.receive(opening("disk"));
    const flush = request({ command: COMMAND.flush, cookie: 1 });
    const half = request({ command: COMMAND.write, cookie: 2, payload: new Uint8Array(50) });
    const jobs = jobsOf(session.receive(concatBytes([flush, half.slice(0, 60)])));
    expect(session.shutDown()).toEqual([]);
    expect(session.receive(half.slice(60))).toEqual([]);
    expect(
      session.answer(jobs[0] as Job<ExportFacts>, { kind: "done" }).map(describeEffect),
    ).toEqual(["1: done", "end: the server is shutting down"]);
    expect(session.goOn()).toEqual([]);
    expect(session.shutDown()).toEqual([]);
  });

  test("comes at once to who haggles", () => {
    const session = sessionOf();
    session.receive(u32(3));
    expect(session.shutDown().map(describeEffect)).toEqual(["end: the server is shutting down"]);
  });

  test("a client that is gone is answered no more", () => {
    const session = sessionOf();
    session.receive(opening("disk"));
    const [job] = jobsOf(session.receive(request({ command: COMMAND.flush, cookie: 1 })));
    session.closed();
    expect(session.answer(job as Job<ExportFacts>, { kind: "done" })).toEqual([]);
    expect(session.inFlightCount).toBe(0);
    expect(session.receive(new Uint8Array(100))).toEqual([]);
  });
});

test("whatever is said, the session stands, keeps its limits, and says the same however it is cut", () => {
  const valid = concatBytes([
    opening("disk"),
    request({ command: COMMAND.write, cookie: 1, at: 70, payload: new Uint8Array(300) }),
    ...[0, 3, 4, 5, 6, 7].map((command) => request({ command, cookie: 2, byteCount: 512 })),
  ]);
  const change = fc.record({ at: fc.nat(valid.length - 1), byte: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 4 }), fc.nat(valid.length), (changes, cut) => {
      const bytes = valid.slice();
      for (const { at, byte } of changes) bytes[at] = byte;
      const session = sessionOf({ inFlightCountMax: 4 });
      const effects = [
        ...session.receive(bytes.slice(0, cut)),
        ...session.receive(bytes.slice(cut)),
      ];
      expect(session.inFlightCount).toBeLessThanOrEqual(4);
      expect(effects.map(describeEffect)).toEqual(linesOf([bytes], { inFlightCountMax: 4 }));
      const { inFlightCount } = session;
      const jobs = jobsOf(effects);
      for (const job of jobs) session.answer(job, { kind: "done" });
      expect(inFlightCount - session.inFlightCount).toBe(jobs.length);
    }),
    { numRuns: 2000, seed: 4 },
  );
});
