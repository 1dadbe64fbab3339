/** Random requests whose replies do not depend on the time at which they are asked. */

import fc from "fast-check";

const key = fc.constantFrom("a", "b", "c", "d");
const integer = fc.oneof(
  fc.integer({ min: -20, max: 20 }).map(String),
  fc.constantFrom(
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "9007199254740993",
    "-0",
    "01",
    "1.5",
    "x",
    "",
    " 1",
    "+1",
  ),
);
const decimal = fc.oneof(
  fc.tuple(fc.integer({ min: -999, max: 999 }), fc.nat(99_999)).map(([a, b]) => `${a}.${b}`),
  fc
    .tuple(fc.integer({ min: -99, max: 99 }), fc.integer({ min: -25, max: 25 }))
    .map(([mantissa, exponent]) => `${mantissa}e${exponent}`),
  fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }).map(String),
  integer,
  fc.constantFrom("inf", "-inf", "nan", "0x1f", "1e400", "1e4932", ".5", "5.", "-.0"),
);
const value = fc.oneof(integer, decimal, fc.string({ unit: "binary-ascii", maxLength: 12 }));
const seconds = fc.constantFrom("100", "1000", "0", "-1", "x", "9223372036854775807");
const instant = fc.constantFrom("33177117420", "1", "0", "-5", "x", "9223372036854775807");
const database = fc.constantFrom("0", "1", "2", "16", "-1", "x");

const expiry = fc.oneof(
  fc.tuple(fc.constantFrom("EX", "ex"), seconds),
  fc.tuple(fc.constant("EXAT"), instant),
  fc.constant(["KEEPTTL"]),
  fc.constant(["PERSIST"]),
);
const setOptions = fc
  .array(fc.oneof(expiry, fc.constantFrom(["NX"], ["XX"], ["GET"], ["FOO"])), { maxLength: 3 })
  .map((options) => options.flat());
const expireCondition = fc.array(fc.constantFrom("NX", "XX", "GT", "LT", "lt", "FOO"), {
  maxLength: 2,
});

type Words = readonly string[];

function command(
  name: string,
  ...parts: readonly fc.Arbitrary<string | Words>[]
): fc.Arbitrary<Words> {
  return fc.tuple(...parts).map((given) => [name, ...given.flat()]);
}

const several = fc.array(key, { minLength: 1, maxLength: 3 });
const pairs = fc.array(fc.tuple(key, value), { minLength: 1, maxLength: 3 });
const pattern = fc
  .array(fc.constantFrom("a", "b", "*", "?", "[ab]", "[^a]", "[a-c]", "\\"), { maxLength: 4 })
  .map((parts) => parts.join(""));

const single: fc.Arbitrary<Words> = fc.oneof(
  command("SET", key, value),
  command("SET", key, value, setOptions),
  command("GET", key),
  command("GETEX", key, setOptions),
  command("GETDEL", key),
  command("GETSET", key, value),
  command("SETNX", key, value),
  command("SETEX", key, seconds, value),
  command(
    "MSET",
    pairs.map((given) => given.flat()),
  ),
  command(
    "MSETNX",
    pairs.map((given) => given.flat()),
  ),
  command("MGET", several),
  command("STRLEN", key),
  command("APPEND", key, value),
  command("SETRANGE", key, fc.integer({ min: -2, max: 20 }).map(String), value),
  command("GETRANGE", key, integer, integer),
  command("INCR", key),
  command("DECR", key),
  command("INCRBY", key, integer),
  command("DECRBY", key, integer),
  command("INCRBYFLOAT", key, decimal),
  command("DEL", several),
  command("EXISTS", several),
  command("TYPE", key),
  command("EXPIRE", key, seconds, expireCondition),
  command("EXPIREAT", key, instant, expireCondition),
  command("TTL", key),
  command("PERSIST", key),
  command("RENAME", key, key),
  command("RENAMENX", key, key),
  command("COPY", key, key, fc.constantFrom([], ["REPLACE"], ["DB", "1"], ["DB", "1", "REPLACE"])),
  command("MOVE", key, database),
  command("SWAPDB", database, database),
  command("SELECT", database),
  command("KEYS", pattern),
  command("FLUSHDB"),
);

const transaction = fc
  .tuple(fc.array(single, { maxLength: 4 }), fc.constantFrom("EXEC", "DISCARD"))
  .map(([queued, end]) => [["MULTI"], ...queued, [end]]);

export const randomRequests: fc.Arbitrary<readonly Words[]> = fc
  .array(fc.oneof({ weight: 8, arbitrary: single.map((one) => [one]) }, transaction), {
    maxLength: 30,
  })
  .map((parts) => parts.flat());
