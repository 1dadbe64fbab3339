/** What a store is told of the door's rows: which are its own, and which keys others are of. */

import { printable } from "../base/bytes.ts";
import type { RowSpace } from "../base/row-spaces.ts";
import { DOOR_DATABASE, KEY_ROWS, PREFIX_BYTES, readBigEndian, REDIS_SPACE } from "./row-format.ts";

const DATABASE_AT = 1;
const KIND_AT: number = PREFIX_BYTES - 1;

export const doorRows: RowSpace = {
  isOwn: (bytes, at, length) =>
    bytes[at] === REDIS_SPACE &&
    PREFIX_BYTES <= length &&
    readBigEndian(bytes, at + DATABASE_AT) === DOOR_DATABASE,
  nameOf: (key) => {
    const isOfKey = key[0] === REDIS_SPACE && key[KIND_AT] === KEY_ROWS;
    return isOfKey ? `"${printable(key.subarray(PREFIX_BYTES))}"` : undefined;
  },
};
