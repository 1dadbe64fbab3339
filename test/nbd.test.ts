import { createHash, randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { Authority } from "./support/certificates.ts";
import { temporaryDirectory } from "./support/directories.ts";
import {
  arrayOf,
  makeFile,
  NbdProcess,
  plainFile,
  type VolumeUnderTest,
} from "./support/nbd-server.ts";
import { hasProgram, runProgram } from "./support/programs.ts";
import { runHoldfast } from "./support/server.ts";

const MEBIBYTE = 1 << 20;
const SIZE = 32 * MEBIBYTE;

const volumes: readonly VolumeUnderTest[] = [plainFile, arrayOf(5, 3)];

const lacks = (...programs: readonly string[]): boolean => !programs.every(hasProgram);

interface Described {
  readonly exports: readonly Readonly<Record<string, unknown>>[];
}

async function nbdinfo(...args: readonly string[]): Promise<Described> {
  return JSON.parse(await runProgram("nbdinfo", ["--json", ...args])) as Described;
}

function digest(path: string, byteCount: number): string {
  return createHash("sha256").update(readFileSync(path).subarray(0, byteCount)).digest("hex");
}

/** Stops the server, and expects that it ends well. */
function stopLater(server: NbdProcess): NbdProcess {
  onTestFinished(async () => {
    expect(await server.stop()).toMatchObject({ code: 0, signal: null });
  });
  return server;
}

describe.each(volumes)("real programs on $name", (volume) => {
  const exporting = async (): Promise<NbdProcess> =>
    stopLater(await NbdProcess.exporting(volume, SIZE));

  test.skipIf(lacks("nbdinfo"))(
    "nbdinfo is told what is offered, by TCP and by socket",
    async () => {
      const server = await exporting();
      for (const url of [server.url(), server.socketUrl()]) {
        const { exports } = await nbdinfo(url);
        expect(exports[0]).toMatchObject({
          "export-name": "disk",
          contexts: ["base:allocation"],
          is_read_only: false,
          can_cache: true,
          can_df: true,
          can_fast_zero: true,
          can_flush: true,
          can_fua: true,
          can_multi_conn: true,
          can_zero: true,
          block_size_minimum: 1,
          block_size_maximum: 32 * MEBIBYTE,
        });
        expect(exports[0]?.["export-size"]).toBeGreaterThanOrEqual(SIZE);
      }
      const map = await runProgram("nbdinfo", ["--json", "--map", server.url()]);
      const extents = JSON.parse(map) as readonly { readonly length: number }[];
      const told = extents.reduce((sum, extent) => sum + extent.length, 0);
      expect(told).toBeGreaterThanOrEqual(SIZE);
    },
  );

  test.skipIf(lacks("nbdcopy"))("nbdcopy copies in and out, over several connections", async () => {
    const server = await exporting();
    const source = join(server.directory, "source");
    const target = join(server.directory, "target");
    // Bytes, zeroes and bytes, and an end that fits no block.
    const content = Buffer.concat([
      randomBytes(9 * MEBIBYTE + 11),
      new Uint8Array(5 * MEBIBYTE),
      randomBytes(7 * MEBIBYTE + 500),
    ]);
    writeFileSync(source, content);
    await runProgram("nbdcopy", ["--flush", source, server.url()]);
    await runProgram("nbdcopy", [server.socketUrl(), target]);
    expect(digest(target, content.length)).toBe(digest(source, content.length));
    // Without structured replies, and one request after another.
    const again = ["--synchronous", "--no-extents", server.url(), target];
    await runProgram("nbdcopy", again);
    expect(digest(target, content.length)).toBe(digest(source, content.length));
  });

  test.skipIf(lacks("qemu-io"))(
    "qemu-io finds the patterns that it wrote, of any alignment",
    async () => {
      const server = await exporting();
      const commands = [
        "write -P 1 0 1M",
        "write -P 2 4095 3",
        "write -f -P 3 1 1",
        "aio_write -P 4 8k 12k",
        "aio_write -P 5 20480 100",
        "aio_flush",
        "write -z 65536 100000",
        "write -z -u 300000 100001",
        "discard 512k 128k",
        "flush",
        "write -P 6 33554400 32",
        "read -P 3 1 1",
        "read -P 1 2 4093",
        "read -P 2 4095 3",
        "read -P 4 8k 12k",
        "read -P 5 20480 100",
        "read -P 1 20580 44956",
        "read -P 0 65536 100000",
        "read -P 1 165536 134464",
        "read -P 0 300000 100001",
        "read -P 6 33554400 32",
      ];
      const args = ["-f", "raw", ...commands.flatMap((command) => ["-c", command]), server.url()];
      const printed = await runProgram("qemu-io", args);
      expect(printed).not.toMatch(/failed|error|mismatch/iu);
      expect(printed.match(/^read /gmu)).toHaveLength(10);
    },
  );

  test.skipIf(lacks("qemu-img", "qemu-io"))(
    "an image of qemu on it is checked and compared",
    async () => {
      const server = await exporting();
      const source = join(server.directory, "source");
      writeFileSync(source, Buffer.concat([randomBytes(6 * MEBIBYTE), new Uint8Array(MEBIBYTE)]));
      const formats = ["-f", "raw", "-O", "qcow2"];
      await runProgram("qemu-img", ["create", "-f", "qcow2", server.url(), "16M"]);
      await runProgram("qemu-img", ["convert", "-n", ...formats, source, server.url()]);
      const writes = ["-c", "write -P 9 8M 1000000", "-c", "discard 1M 1M", "-c", "flush"];
      await runProgram("qemu-io", ["-f", "qcow2", ...writes, server.url()]);
      const checked = await runProgram("qemu-img", ["check", "-f", "qcow2", server.url()]);
      expect(checked).toContain("No errors were found");
      const read = ["-c", "read -P 9 8M 1000000", "-c", "read -P 0 1M 1M"];
      const printed = await runProgram("qemu-io", ["-f", "qcow2", ...read, server.url()]);
      expect(printed).not.toMatch(/failed|error/iu);
    },
  );

  test.skipIf(lacks("nbdcopy", "mke2fs", "e2fsck", "debugfs"))(
    "a file system goes in, comes out, and is sound",
    async () => {
      const server = await exporting();
      const tree = join(server.directory, "tree");
      const image = join(server.directory, "image");
      const back = join(server.directory, "back");
      mkdirSync(join(tree, "deep"), { recursive: true });
      for (let index = 0; index < 40; index++) {
        writeFileSync(join(tree, "deep", `file-${index}`), randomBytes(1 + index * 5_000));
      }
      await runProgram("mke2fs", ["-q", "-t", "ext4", "-d", tree, image, "32M"]);
      await runProgram("nbdcopy", [image, server.url()]);
      await runProgram("nbdcopy", [server.socketUrl(), back]);
      expect(digest(back, SIZE)).toBe(digest(image, SIZE));
      await runProgram("e2fsck", ["-f", "-n", back]);
      const dumped = join(server.directory, "dumped");
      await runProgram("debugfs", ["-R", `dump /deep/file-39 ${dumped}`, back]);
      expect(readFileSync(dumped)).toEqual(readFileSync(join(tree, "deep", "file-39")));
    },
  );

  test.skipIf(lacks("qemu-io"))(
    "what was flushed is there after the server was killed",
    async () => {
      const directory = temporaryDirectory();
      const members = await volume.make(directory, SIZE);
      const killed = await NbdProcess.start(["--export", "disk", ...members], directory);
      const writes = ["-c", "write -P 1 100 5M", "-c", "write -f -P 2 3M 99", "-c", "flush"];
      await runProgram("qemu-io", ["-f", "raw", ...writes, killed.url()]);
      await killed.kill();

      // An array does without any one of its members, even after an end like that.
      const left = members.length > 1 ? members.slice(1) : members;
      const again = stopLater(await NbdProcess.start(["--export", "disk", ...left], directory));
      const reads = ["read -P 1 100 3145628", "read -P 2 3M 99", "read -P 1 3145827 2097153"];
      const args = ["-f", "raw", ...reads.flatMap((command) => ["-c", command]), again.url()];
      const printed = await runProgram("qemu-io", args);
      expect(printed).not.toMatch(/failed|error/iu);
      expect(printed.match(/^read /gmu)).toHaveLength(3);
    },
  );

  test.skipIf(lacks("fio"))("fio verifies what its jobs wrote at random", async () => {
    const server = await exporting();
    const report = join(server.directory, "report");
    const job = [
      "--name=verify",
      "--ioengine=nbd",
      `--uri=${server.url()}`,
      "--rw=randrw",
      "--bsrange=512-65536",
      "--bs_unaligned",
      "--iodepth=16",
      "--size=8M",
      "--offset_increment=8M",
      "--numjobs=3",
      "--verify=crc32c",
      "--fsync=32",
      "--randseed=7",
      "--aux-path=" + server.directory,
      "--output-format=json",
      `--output=${report}`,
    ];
    await runProgram("fio", job);
    const printed = JSON.parse(readFileSync(report, "utf8")) as {
      readonly jobs: readonly { readonly error: number }[];
    };
    expect(printed.jobs.map(({ error }) => error)).toEqual([0, 0, 0]);
  });
});

describe("an array whose members come and go", () => {
  async function exportingArray(): Promise<{ server: NbdProcess; members: readonly string[] }> {
    const directory = temporaryDirectory();
    const members = await arrayOf(5, 3).make(directory, SIZE);
    // By default a rebuild gives way to the clients, and takes its time.
    const flags = ["--raid-rate-min", "1G", "--export", "disk"];
    const server = stopLater(await NbdProcess.start([...flags, ...members], directory));
    return { server, members };
  }

  async function raid(...args: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
    const { code, stdout, stderr } = await runHoldfast(["raid", ...args, "--json"]);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    return JSON.parse(stdout) as Readonly<Record<string, unknown>>;
  }

  function emptyFile(directory: string, name: string): string {
    const path = join(directory, name);
    makeFile(path, 0);
    return path;
  }

  async function qemuIo(url: string, commands: readonly string[]): Promise<void> {
    const args = ["-f", "raw", ...commands.flatMap((command) => ["-c", command]), url];
    expect(await runProgram("qemu-io", args)).not.toMatch(/failed|error|mismatch/iu);
  }

  test.skipIf(lacks("qemu-io"))("qemu-io finds its patterns without any one of them", async () => {
    const { server, members } = await exportingArray();
    const [first = "", second = "", third = ""] = members;
    await qemuIo(server.url(), ["write -P 1 0 5M", "write -f -P 2 100000 200000"]);
    expect(await raid("fail", second)).toMatchObject({ health: "degraded" });
    await qemuIo(server.url(), ["read -P 2 100000 200000", "write -P 3 3M 100001", "flush"]);
    const added = emptyFile(server.directory, "added");
    expect(await raid("add", added, "--array", first, "--wait")).toMatchObject({ health: "whole" });
    expect(await raid("fail", third)).toMatchObject({ health: "degraded" });
    const reads = ["read -P 1 0 100000", "read -P 2 100000 200000", "read -P 1 300000 2845728"];
    await qemuIo(server.url(), [...reads, "read -P 3 3M 100001", "read -P 1 3245729 1997151"]);
  });

  test.skipIf(lacks("fio"))(
    "fio verifies what it wrote while one failed, was rebuilt, and another was replaced",
    async () => {
      const { server, members } = await exportingArray();
      const [first = "", second = "", third = ""] = members;
      const [added, by] = ["added", "by"].map((name) => emptyFile(server.directory, name));
      let isRunning = true;
      const job = runProgram("fio", [
        "--name=verify",
        "--ioengine=nbd",
        `--uri=${server.url()}`,
        "--rw=randrw",
        "--bsrange=512-65536",
        "--bs_unaligned",
        "--iodepth=8",
        "--size=8M",
        "--offset_increment=8M",
        "--numjobs=2",
        // So that it lasts for all that happens meanwhile.
        "--rate=1m,1m",
        "--verify=crc32c",
        "--fsync=32",
        "--randseed=11",
        `--aux-path=${server.directory}`,
      ]).finally(() => (isRunning = false));
      await raid("fail", second);
      expect(isRunning).toBe(true);
      const array = ["--array", third, "--wait"];
      expect(await raid("add", added ?? "", ...array)).toMatchObject({ health: "whole" });
      const replaced = await raid("replace", first, "--with", by ?? "", ...array);
      expect(replaced).toMatchObject({
        health: "whole",
        absent: [{ path: second }, { path: first }],
      });
      await job;
      expect(await raid("scrub", third, "--wait")).toMatchObject({ repaired: 0, lostAt: [] });
    },
  );
});

describe("what is exported", () => {
  test.skipIf(lacks("nbdinfo", "qemu-io"))(
    "are several volumes under their names, some read-only",
    async () => {
      const directory = temporaryDirectory();
      const [one, two] = [join(directory, "one.img"), join(directory, "two.img")];
      makeFile(one, 100_001);
      makeFile(two, MEBIBYTE);
      chmodSync(two, 0o400);
      const named = ["--export", `first=${one}`, "--export", `second=${two}`];
      const server = stopLater(
        await NbdProcess.start([...named, "--read-only-export", "second"], directory),
      );
      const listed = await nbdinfo("--list", `nbd://127.0.0.1:${server.port}`);
      const facts = listed.exports.map((found) => [
        found["export-name"],
        found["export-size"],
        found["is_read_only"],
      ]);
      expect(facts).toEqual([
        ["first", 100_001, false],
        ["second", MEBIBYTE, true],
      ]);
      // With several exports the empty name is none of them.
      await expect(nbdinfo(`nbd://127.0.0.1:${server.port}`)).rejects.toThrow(
        /no such file|no export named/iu,
      );
      const write = ["-f", "raw", "-c", "write 0 512", server.url("second")];
      await expect(runProgram("qemu-io", write)).rejects.toThrow(/read.only|permission denied/iu);
      const read = ["-r", "-f", "raw", "-c", "read -P 0 0 512", server.url("second")];
      await runProgram("qemu-io", read);
    },
  );

  test.skipIf(lacks("nbdinfo"))("is not listed where that is off, and found by name", async () => {
    const server = stopLater(await NbdProcess.exporting(plainFile, MEBIBYTE, ["--list", "off"]));
    await expect(nbdinfo("--list", server.url())).rejects.toThrow(/list/iu);
    expect((await nbdinfo(server.url())).exports).toHaveLength(1);
  });

  test.skipIf(lacks("nbdinfo"))("is a member of an array as it is, if that is wanted", async () => {
    const directory = temporaryDirectory();
    const [member = ""] = await arrayOf(1, 2).make(directory, MEBIBYTE);
    const alone = await runHoldfast(["nbd", "--listen", "127.0.0.1:0", member]);
    expect(alone.code).toBe(1);
    const server = stopLater(await NbdProcess.start(["--plain", "--read-only", member], directory));
    const { exports } = await nbdinfo(server.url(""));
    expect(exports[0]).toMatchObject({ "export-size": 9 * MEBIBYTE });
  });

  test("belongs to one process", async () => {
    const server = stopLater(await NbdProcess.exporting(plainFile, MEBIBYTE));
    const path = join(server.directory, "disk.img");
    const second = await runHoldfast(["nbd", "--listen", "127.0.0.1:0", path]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`pid ${server.pid}`);
  });
});

describe("what is refused", () => {
  test("to serve everybody without TLS", async () => {
    const { code, stderr } = await runHoldfast(["nbd", "--listen", "0.0.0.0:0", "disk.img"]);
    expect(stderr).toContain("refusing to serve 0.0.0.0 to everyone");
    expect(code).toBe(2);
  });

  test("a file that is not there, or is empty, with the way out", async () => {
    const directory = temporaryDirectory();
    const path = join(directory, "disk.img");
    const missing = await runHoldfast(["nbd", "--listen", "127.0.0.1:0", path]);
    expect(missing).toMatchObject({ code: 1 });
    expect(missing.stderr).toContain(`truncate -s 1G ${path}`);
    makeFile(path, 0);
    const empty = await runHoldfast(["nbd", "--json", "--listen", "127.0.0.1:0", path]);
    expect(JSON.parse(empty.stdout)).toMatchObject({ error: { code: "ERR_ARGUMENT" } });
  });
});

test("HTTP that a browser sends is not taken for anything", async () => {
  const server = stopLater(await NbdProcess.exporting(plainFile, MEBIBYTE));
  const socket = connect(server.port, "127.0.0.1");
  socket.write("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const received: Buffer[] = [];
  for await (const chunk of socket) received.push(chunk as Buffer);
  expect(Buffer.concat(received).toString("latin1")).toMatch(/^NBDMAGICIHAVEOPT..$/su);
});

describe.skipIf(lacks("openssl", "nbdinfo"))("TLS", () => {
  interface Secured {
    readonly server: NbdProcess;
    readonly authority: Authority;
    readonly files: string;
    readonly url: (certificates: string) => string;
  }

  /** The flags that name the certificate of the server and its key. */
  function keyPair(files: string): readonly string[] {
    const certificate = join(files, "server-cert.pem");
    return ["--tls-certificate", certificate, "--tls-key", join(files, "server-key.pem")];
  }

  async function secured(flags: readonly string[] = []): Promise<Secured> {
    const directory = temporaryDirectory();
    const files = join(directory, "server");
    const authority = await Authority.make(join(directory, "authority"));
    await authority.issue(files, "server");
    const path = join(directory, "disk.img");
    makeFile(path, MEBIBYTE);
    const tls = [...keyPair(files), "--tls-client-ca", join(files, "ca-cert.pem")];
    const server = stopLater(await NbdProcess.start([...tls, ...flags, path], directory));
    const url = (certificates: string): string =>
      `nbds://localhost:${server.port}/?tls-certificates=${certificates}`;
    return { server, authority, files, url };
  }

  test.skipIf(lacks("nbdcopy"))(
    "lets in who shows a certificate of the authority, and nobody else",
    async () => {
      const { server, authority, url } = await secured();
      const directory = temporaryDirectory();
      const good = join(directory, "good");
      await authority.issue(good, "client");
      expect((await nbdinfo(url(good))).exports[0]).toMatchObject({ "export-size": MEBIBYTE });

      const none = join(directory, "none");
      await authority.publish(none);
      await expect(nbdinfo(url(none))).rejects.toThrow(/tls|alert|recv/iu);
      const stranger = join(directory, "stranger");
      await (await Authority.make(join(directory, "other"))).issue(stranger, "client");
      await authority.publish(stranger);
      await expect(nbdinfo(url(stranger))).rejects.toThrow(/tls|alert|recv/iu);
      await expect(nbdinfo(server.url(""))).rejects.toThrow(/not supported|requires TLS/iu);

      const [source, target] = [join(directory, "source"), join(directory, "target")];
      writeFileSync(source, randomBytes(MEBIBYTE));
      await runProgram("nbdcopy", [source, url(good)]);
      await runProgram("nbdcopy", [url(good), target]);
      expect(digest(target, MEBIBYTE)).toBe(digest(source, MEBIBYTE));
    },
  );

  test("can be left to the client, where only this machine is served", async () => {
    const { server, authority, url } = await secured(["--tls", "optional"]);
    const client = join(server.directory, "client");
    await authority.issue(client, "client");
    expect((await nbdinfo(server.url(""))).exports).toHaveLength(1);
    expect((await nbdinfo(url(client))).exports).toHaveLength(1);
  });

  test("takes new files from the next connection on, and keeps the old while they are unfit", async () => {
    const { authority, files, url } = await secured();
    const directory = temporaryDirectory();
    const [before, after] = [join(directory, "before"), join(directory, "after")];
    await authority.issue(before, "client");
    const next = await Authority.make(join(directory, "next"));
    await next.issue(after, "client");

    writeFileSync(join(files, "server-cert.pem.new"), "half a certificate");
    renameSync(join(files, "server-cert.pem.new"), join(files, "server-cert.pem"));
    expect((await nbdinfo(url(before))).exports).toHaveLength(1);

    await next.issue(files, "server");
    expect((await nbdinfo(url(after))).exports).toHaveLength(1);
    await expect(nbdinfo(url(before))).rejects.toThrow(/tls|certificate/iu);
  });

  test("is refused to everyone outside, and with a key that everyone may read", async () => {
    const directory = temporaryDirectory();
    const files = join(directory, "server");
    await (await Authority.make(join(directory, "authority"))).issue(files, "server");
    const path = join(directory, "disk.img");
    makeFile(path, MEBIBYTE);
    const authority = ["--tls-client-ca", join(files, "ca-cert.pem"), "--tls", "optional"];
    const outside = ["nbd", "--listen", "0.0.0.0:0", ...keyPair(files), ...authority, path];
    expect(await runHoldfast(outside)).toMatchObject({ code: 2 });

    chmodSync(join(files, "server-key.pem"), 0o644);
    const inside = ["nbd", "--listen", "127.0.0.1:0", ...keyPair(files), path];
    const { code, stderr } = await runHoldfast(inside);
    expect(code).toBe(2);
    expect(stderr).toContain("chmod 600");
  });
});
