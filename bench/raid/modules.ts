/** The parts of the built program that the measurements of arrays put together by hand. */

import { built } from "../holdfast.ts";
import type * as ArrayModule from "../../src/raid/array.ts";
import type * as OptionsModule from "../../src/raid/options.ts";
import type * as PlainKernelModule from "../../src/raid/parity/plain-kernel.ts";
import type * as VectorKernelModule from "../../src/raid/parity/vector-kernel.ts";
import type * as FormatModule from "../../src/store/format.ts";
import type * as StoreOptionsModule from "../../src/store/options.ts";
import type * as EngineModule from "../../src/transactions/open-engine.ts";
import type * as VolumeModule from "../../src/volume/file-volume.ts";

export async function volumeModule(): Promise<typeof VolumeModule> {
  return await built<typeof VolumeModule>("volume/file-volume.js");
}

export async function raidModules(): Promise<typeof ArrayModule & typeof OptionsModule> {
  const array = await built<typeof ArrayModule>("raid/array.js");
  const options = await built<typeof OptionsModule>("raid/options.js");
  return { ...array, ...options };
}

export async function kernelModules(): Promise<
  typeof PlainKernelModule & typeof VectorKernelModule
> {
  const plain = await built<typeof PlainKernelModule>("raid/parity/plain-kernel.js");
  const vector = await built<typeof VectorKernelModule>("raid/parity/vector-kernel.js");
  return { ...plain, ...vector };
}

export async function storeModules(): Promise<
  typeof EngineModule & typeof FormatModule & typeof StoreOptionsModule
> {
  const engine = await built<typeof EngineModule>("transactions/open-engine.js");
  const format = await built<typeof FormatModule>("store/format.js");
  const options = await built<typeof StoreOptionsModule>("store/options.js");
  return { ...engine, ...format, ...options };
}
