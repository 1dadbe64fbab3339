/**
 * A program for tests: writes durably to a new file, on its main thread (`now`) or by another
 * (`later`), and reads again what it wrote.
 *
 * Before it makes the file it looks for it once on the main thread, so that its calls on both
 * threads can be told apart by their number.
 */

import { openSync } from "node:fs";
import { HostFiles } from "./host-files.ts";

const BLOCK_BYTES = 4096;
const BLOCK_COUNT = 4;
const [path = "", how = "now"] = process.argv.slice(2);

try {
  openSync(path, "r");
} catch {
  // It is not there yet.
}
const file = await new HostFiles().open(path, "create");
for (let index = 0; index < BLOCK_COUNT; index++) {
  const block = new Uint8Array(BLOCK_BYTES).fill(index + 1);
  if (how === "later") await file.writeDurable(index * BLOCK_BYTES, block);
  else file.writeDurableNow(index * BLOCK_BYTES, block);
}
const all = new Uint8Array(BLOCK_COUNT * BLOCK_BYTES);
const count = await file.read(0, all);
await file.close();
const isRight = all.every((byte, at) => byte === Math.floor(at / BLOCK_BYTES) + 1);
process.stdout.write(isRight && count === all.length ? "right\n" : "wrong\n");
