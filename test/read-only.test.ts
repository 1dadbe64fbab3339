import { join } from "node:path";
import { expect, test } from "vitest";
import { runProgram } from "./support/programs.ts";
import { connectTo } from "./support/redis-client.ts";
import { runHoldfast, Server } from "./support/server.ts";
import { canMount, smallDisk } from "./support/small-disk.ts";

test.skipIf(!(await canMount()))(
  "a store on a disk that is mounted read-only is inspected and verified, but not served",
  async () => {
    const disk = await smallDisk();
    const data = join(disk, "data");
    const server = await Server.start({ data });
    await connectTo(server.port).set("key", "value");
    await server.stop();
    await runProgram("mount", ["-o", "remount,ro", disk]);

    const inspected = await runHoldfast(["inspect", data, "--json"]);
    expect(inspected.code).toBe(0);
    expect(JSON.parse(inspected.stdout)).toMatchObject({ isCleanlyClosed: true });
    const verified = await runHoldfast(["verify", data, "--json"]);
    expect(verified.code).toBe(0);
    expect(JSON.parse(verified.stdout)).toMatchObject({ findings: [] });

    const { code, stdout } = await Server.startAndFail({ data });
    expect(code).toBe(1);
    expect(stdout).toContain("EROFS, the file system is mounted read-only");
  },
);
