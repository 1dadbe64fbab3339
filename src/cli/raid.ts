/**
 * `holdfast raid`: makes arrays of files, looks at them and changes them. An array that a server
 * has is changed by that server, while it goes on; one that nobody has is assembled for as long as
 * the command takes.
 */

import type { Command } from "commander";
import { lookAtDisk, statusOfDisks } from "../arrays/look-at-disks.ts";
import type { ControlRequest } from "../arrays/control-request.ts";
import type { DiskArrayStatus, ScrubFindings } from "../arrays/disk-array.ts";
import { createOnDisks } from "../arrays/open-disk-array.ts";
import { hostWorld } from "../host/world.ts";
import type { Added } from "../raid/membership.ts";
import { type CommandIo, EXIT, type ExitCode, UsageError } from "./command-io.ts";
import { fileName } from "../host/file-name.ts";
import { bytesOf, type CreateFlags, levelWords, wishesOf } from "./raid-options.ts";
import { follow, reachArray, reachHolder, type ReachedArray } from "./raid-reach.ts";
import { describeExamined, describeScrub, describeStatus, examined } from "./raid-words.ts";
import { showingRoom } from "./room-progress.ts";
import { version } from "./version.ts";

const ARRAY_HELP = "members of the array, as all that follows; one is enough while a server has it";
const PROGRAM: string = `holdfast raid ${version}`;

interface ArrayFlags {
  readonly array?: readonly string[];
  readonly force?: boolean;
  readonly wait?: boolean;
}

export function addRaidCommand(program: Command, io: CommandIo): void {
  const raid = program
    .command("raid")
    .summary("make arrays of disks, look at them, change them")
    .description(
      "Arrays of files that go on when members fail. While a server has an array, commands go to " +
        "the server, by the lock of any member; otherwise they assemble the array, do their work " +
        "to its end and close it.",
    )
    .addHelpText(
      "after",
      "\nExample:\n  holdfast raid create --level 5 --size 256M a.img b.img c.img\n" +
        "  holdfast serve --raid 5 --disk a.img --disk b.img --disk c.img\n" +
        "  holdfast raid status a.img\n\n" +
        "Ends with 3 if the array works and is degraded.\n",
    );
  addCreate(raid, io);
  addLookingCommands(raid, io);
  addMemberCommands(raid, io);
  addArrayCommands(raid, io);
}

function addCreate(raid: Command, io: CommandIo): void {
  raid
    .command("create")
    .summary("make an array")
    .description("Makes an array of files, in the order of their roles. Missing files are made.")
    .argument("<member...>", "the files")
    .requiredOption("--level <level>", levelWords)
    .option("--size <size>", "of the array; by default as much as the smallest file has room for")
    .option("--chunk <size>", "what lies together on one member (default: 64K)")
    .option("--layout <layout>", "where parity lies (default: left-symmetric)")
    .option("--journal <size>", "of the journal on each member (default: 32M)")
    .option("--spare <file>", "a disk that waits for a failure; may be repeated", collect)
    .option("--force", "use files that hold something: what is on them is lost")
    .addHelpText(
      "after",
      "\nExample:\n  holdfast raid create --level 5 --size 256M a.img b.img c.img\n",
    )
    .action(async (members: readonly string[], flags: CreateFlags) => {
      const wishes = wishesOf(flags);
      const disks = members.map(fileName);
      const spares = (flags.spare ?? []).map(fileName);
      const options = { program: PROGRAM, force: flags.force ?? false };
      const array = await showingRoom(
        [...disks, ...spares],
        io,
        async () => await createOnDisks(hostWorld(), { ...wishes, disks, spares }, options),
      );
      const status = array.status();
      await array.close();
      io.result(status, () => describeStatus(status, io));
    });
}

/** Those that change nothing, or nothing but what a crash has left to be done. */
function addLookingCommands(raid: Command, io: CommandIo): void {
  raid
    .command("status")
    .summary("show how an array is")
    .description(
      "Asks the server that has the array; of one that nobody has it shows what its members say, " +
        "and changes nothing. Ends with 3 if it is degraded.",
    )
    .argument("<member...>", ARRAY_HELP)
    .addHelpText("after", "\nExample:\n  holdfast raid status a.img --json\n")
    .action(async (members: readonly string[]) => {
      const world = hostWorld();
      const paths = members.map(fileName);
      const live = await reachHolder(world, paths);
      const status = (await live?.status()) ?? (await statusOfDisks(world, paths));
      await live?.close();
      tell(status, io);
    });
  raid
    .command("assemble")
    .summary("see that files make an array, and finish what was begun")
    .description(
      "Assembles an array that nobody has, replays its journal, goes on with a rebuild or growth " +
        "that was interrupted, to its end, and closes it. Ends with 3 if it is degraded then.",
    )
    .argument("<member...>", "the members, in any order; leave out those that are gone")
    .option("--force", "assemble what would be refused; what that may lose is said")
    .addHelpText("after", "\nExample:\n  holdfast raid assemble a.img b.img c.img\n")
    .action(async (members: readonly string[], { force }: ArrayFlags) => {
      await withArray(members, force, io, async (array) => {
        if (array.isLive) io.note("a server has it assembled");
        else await finish(array, io);
        tell(await array.status(), io);
      });
    });
  raid
    .command("examine")
    .summary("show what each file says of itself as a member")
    .description("Reads the superblocks, and nothing else. Ends with 3 if one is no member.")
    .argument("<file...>", "the files")
    .addHelpText("after", "\nExample:\n  holdfast raid examine a.img b.img\n")
    .action(async (files: readonly string[]) => {
      const world = hostWorld();
      const disks = await Promise.all(
        files.map(async (path) => await lookAtDisk(world, fileName(path))),
      );
      io.result(disks.map(examined), () => disks.map(describeExamined).join("\n"));
      const isAmiss = disks.some(
        ({ found, problem }) => found?.kind !== "valid" || problem !== undefined,
      );
      io.setExitCode(isAmiss ? EXIT.degraded : EXIT.ok);
    });
}

/** Those that are about one member. */
function addMemberCommands(raid: Command, io: CommandIo): void {
  raid
    .command("fail")
    .summary("take a member out, as if it had failed")
    .description("Takes a member out. Under load nobody notices but by the speed.")
    .argument("[member]", "the member")
    .option("--array <member...>", `the others: ${ARRAY_HELP}`)
    .option("--force", "even if the array stops by it, and whoever uses it with it")
    .addHelpText(
      "after",
      "\nExample:\n  holdfast raid fail b.img\n  holdfast raid fail b.img --array a.img c.img\n",
    )
    .action(async (given: string | undefined, flags: ArrayFlags) => {
      const { array: others = [], force = false } = flags;
      const member = named(given, "member", "fail");
      const path = fileName(member);
      await change([member, ...others], { command: "fail", path, force }, io);
    });
  raid
    .command("remove")
    .summary("let a spare, or a disk that has failed, go")
    .description("Lets go of a spare, of a replacement or of a file that is out of the array.")
    .argument("[file]", "the file")
    .option("--array <member...>", ARRAY_HELP)
    .addHelpText("after", "\nExample:\n  holdfast raid remove b.img\n")
    .action(async (given: string | undefined, { array: others = [] }: ArrayFlags) => {
      const file = named(given, "file", "remove");
      const path = fileName(file);
      await change([file, ...others], { command: "remove", path }, io);
    });
  raid
    .command("add")
    .summary("add a disk, or one that was away")
    .description(
      "A member that comes back catches up; another file takes the place of a missing member, or " +
        "becomes a spare. A missing file is made, and an empty one will do: it grows as it must.",
    )
    .argument("[file]", "the file; it may also be the last that --array names")
    .requiredOption("--array <member...>", ARRAY_HELP)
    .option("--wait", "until it is whole, also if a server has the array")
    .option("--force", "even if the file holds something, which is lost")
    .addHelpText("after", "\nExample:\n  holdfast raid add d.img --array a.img\n")
    .action(async (given: string | undefined, flags: ArrayFlags) => {
      const { array = [], force = false, wait } = flags;
      // `--array a.img d.img` takes the file as well, and an array is never added to itself.
      const last = array.length > 1 ? array.at(-1) : undefined;
      const path = fileName(given ?? named(last, "file", "add"));
      await begin(
        given === undefined ? array.slice(0, -1) : array,
        { command: "add", path, force },
        { wait, path },
        io,
      );
    });
  raid
    .command("replace")
    .summary("have a file take over from a member that still serves")
    .description("Copies a member to a file, which takes its place in the end.")
    .argument("[member]", "the member that is to go")
    .requiredOption("--with <file>", "the file that is to take over; made if it is missing")
    .option("--array <member...>", `the others: ${ARRAY_HELP}`)
    .option("--wait", "until it has taken over, also if a server has the array")
    .option("--force", "even if the file holds something, which is lost")
    .addHelpText("after", "\nExample:\n  holdfast raid replace b.img --with d.img --wait\n")
    .action(async (given: string | undefined, flags: ArrayFlags & { readonly with: string }) => {
      const { array: others = [], force = false, wait } = flags;
      const member = named(given, "member", "replace");
      const [path, by] = [fileName(member), fileName(flags.with)];
      const request = { command: "replace", path, by, force } as const;
      await begin([member, ...others], request, { wait, path: by }, io);
    });
}

/** Those that are about all of it. */
function addArrayCommands(raid: Command, io: CommandIo): void {
  raid
    .command("scrub")
    .summary("read everything that was written, and put right what is wrong")
    .description(
      "Reads every block of every member, checks it, and puts right what is wrong. Ends with 3 " +
        "if blocks are lost, or the array is degraded.",
    )
    .argument("<member...>", ARRAY_HELP)
    .option("--wait", "for what it finds, also if a server has the array")
    .addHelpText("after", "\nExample:\n  holdfast raid scrub a.img --wait\n")
    .action(async (members: readonly string[], { wait = false }: ArrayFlags) => {
      await withArray(members, false, io, async (array) => {
        await scrub(array, wait, io);
      });
    });
  raid
    .command("grow")
    .summary("make an array larger: by a disk, or each of its disks")
    .description("Lays an array out anew over one disk more, or makes its disks larger.")
    .argument("<member...>", ARRAY_HELP)
    .option("--add <file>", "the new disk; made if it is missing")
    .option("--size <size>", "what the array is to hold, on the disks that it has")
    .option("--wait", "until it has its new size, also if a server has the array")
    .option("--force", "even if the new disk holds something, which is lost")
    .addHelpText("after", "\nExample:\n  holdfast raid grow a.img b.img c.img --add d.img\n")
    .action(async (members: readonly string[], flags: GrowFlags) => {
      const { add, size, force = false, wait } = flags;
      if ((add === undefined) === (size === undefined)) {
        throw new UsageError("say by what it is to grow: --add FILE, or --size SIZE");
      }
      const path = add === undefined ? undefined : fileName(add);
      const request: ControlRequest =
        path === undefined
          ? { command: "grow-to", sizeBytes: bytesOf("--size", size ?? "") }
          : { command: "grow-by", path, force };
      await begin(members, request, { wait, path }, io);
    });
}

interface GrowFlags extends ArrayFlags {
  readonly add?: string;
  readonly size?: string;
}

/** What must be named, and would be taken as one of the array's if it came after `--array`. */
function named(given: string | undefined, what: string, command: string): string {
  if (given !== undefined) return given;
  const usage = `holdfast raid ${command} ${what.toUpperCase()}`;
  throw new UsageError(`name the ${what} before --array, which takes all that follows: ${usage}`);
}

function collect(given: string, before: readonly string[] = []): readonly string[] {
  return [...before, given];
}

/** Does what is done at once. */
async function change(
  members: readonly string[],
  request: ControlRequest,
  io: CommandIo,
): Promise<void> {
  await withArray(members, false, io, async (array) => {
    await array.ask(request);
    const status = await array.status();
    io.result(status, () => describeStatus(status, io));
  });
}

interface Beginning {
  readonly wait: boolean | undefined;
  /** The file that joins the array, if one does. */
  readonly path: string | undefined;
}

/** Begins what takes its time, and waits for it where nobody else does it. */
async function begin(
  members: readonly string[],
  request: ControlRequest,
  { wait = false, path }: Beginning,
  io: CommandIo,
): Promise<void> {
  await withArray(members, false, io, async (array) => {
    const growing = path === undefined ? members.map(fileName) : [path];
    const isMissing = path !== undefined && (await hostWorld().files.kind(path)) === undefined;
    const asked = async (): Promise<unknown> => await array.ask(request);
    const answer = (await showingRoom(growing, io, asked)) as Added | null;
    if (isMissing) io.note(`made "${path}", which was not there`);
    if (path !== undefined && array.isLive) {
      io.note(`name "${path}" too the next time that the server is started`);
    }
    const isFollowed = wait || !array.isLive;
    if (isFollowed) await finish(array, io);
    const status = await array.status();
    io.result({ ...(answer === null ? {} : { added: answer }), ...status }, () =>
      describeStatus(status, io),
    );
    if (isFollowed) io.setExitCode(exitCodeOf(status));
  });
}

/** Waits until nothing is left to be done in the background. */
async function finish(array: ReachedArray, io: CommandIo): Promise<void> {
  const { wasInterrupted } = await follow(array, array.ask({ command: "wait" }), io);
  if (!wasInterrupted) return;
  const then = array.isLive ? "the server goes on with it" : "the next assembly goes on with it";
  io.note(`interrupted: ${then}`);
}

async function scrub(array: ReachedArray, wait: boolean, io: CommandIo): Promise<void> {
  if (array.isLive && !wait) {
    await array.ask({ command: "scrub", wait: false });
    const status = await array.status();
    io.result(status, () => describeStatus(status, io));
    return;
  }
  const { result } = await follow(array, array.ask({ command: "scrub", wait: true }), io);
  const findings = (result ?? undefined) as ScrubFindings | undefined;
  if (findings === undefined) {
    io.note("interrupted: the scrub goes on where it was, by the server or the next assembly");
    io.setExitCode(EXIT.failed);
    return;
  }
  const { health } = await array.status();
  io.result({ ...findings, health }, () => describeScrub(findings));
  const isAmiss = 0 < findings.lostAt.length || health !== "whole";
  io.setExitCode(isAmiss ? EXIT.degraded : EXIT.ok);
}

async function withArray(
  members: readonly string[],
  force: boolean | undefined,
  io: CommandIo,
  work: (array: ReachedArray) => Promise<void>,
): Promise<void> {
  const array = await reachArray(hostWorld(), members.map(fileName), io, force);
  try {
    await work(array);
  } finally {
    await array.close();
  }
}

function tell(status: DiskArrayStatus, io: CommandIo): void {
  io.result(status, () => describeStatus(status, io));
  io.setExitCode(exitCodeOf(status));
}

function exitCodeOf({ health }: DiskArrayStatus): ExitCode {
  if (health === "whole") return EXIT.ok;
  return health === "degraded" ? EXIT.degraded : EXIT.failed;
}
