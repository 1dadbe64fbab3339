/** Random requests whose replies do not depend on the time at which they are asked. */

import fc from "fast-check";

const key = fc.constantFrom("a", "b", "c", "d", "");
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

/** A word that is out of place nearly everywhere. */
const oddWord = fc.oneof(
  integer,
  fc.constantFrom(
    "NX",
    "XX",
    "GET",
    "KEEPTTL",
    "PERSIST",
    "REPLACE",
    "DB",
    "COUNT",
    "*",
    "[a",
    "q",
  ),
  fc.constantFrom("\0", "\r\n", "\xff", "two words", "x".repeat(130)),
);

interface Slip {
  readonly at: number;
  readonly kind: string;
  readonly word: string;
}

/** What a hand slips into: a word in other letters, twice, too few, too many, or another. */
const slip: fc.Arbitrary<Slip> = fc.record({
  at: fc.nat(6),
  kind: fc.constantFrom("small", "mixed", "twice", "gone", "more", "other"),
  word: oddWord,
});

function slipped(words: Words, { at, kind, word }: Slip): Words {
  const index = at % words.length;
  const [before, after] = [words.slice(0, index), words.slice(index + 1)];
  const own = words[index] ?? "";
  switch (kind) {
    case "small":
      return [...before, own.toLowerCase(), ...after];
    case "mixed":
      return [...before, own.charAt(0).toLowerCase() + own.slice(1).toUpperCase(), ...after];
    case "twice":
      return [...before, own, own, ...after];
    case "gone":
      return index === 0 ? words : [...before, ...after];
    case "more":
      return [...words, word];
    default:
      return index === 0 ? words : [...before, word, ...after];
  }
}

/** Commands about other things than keys, which answer the same at any time. */
const other: fc.Arbitrary<Words> = fc.oneof(
  command("PING", fc.array(value, { maxLength: 2 })),
  command("ECHO", fc.array(value, { maxLength: 2 })),
  command("WATCH", fc.array(key, { maxLength: 2 })),
  command("UNWATCH"),
  command("AUTH", fc.constantFrom([], ["x"], ["a", "b", "c"])),
  command("HELLO", fc.constantFrom("abc", "4", "1", "03", ""), fc.constantFrom([], ["FOO"])),
  command("HELLO", fc.constant("2"), fc.constantFrom(["FOO"], ["SETNAME"], ["AUTH", "a"])),
  command(
    "CLIENT",
    fc.constantFrom("SETNAME", "setname"),
    fc.constantFrom("me", "", "a b", "\xff"),
  ),
  command("CLIENT", fc.constantFrom("GETNAME", "getname", "FOO", "")),
  command(
    "CLIENT",
    fc.constant("KILL"),
    fc.array(fc.constantFrom("ID", "9999", "TYPE", "x", "SKIPME", "no", "ADDR", "USER"), {
      maxLength: 4,
    }),
  ),
  command(
    "CLIENT",
    fc.constant("LIST"),
    fc.constantFrom(["ID"], ["ID", "0"], ["ID", "x"], ["TYPE", "x"], ["TYPE", "pubsub"], ["FOO"]),
  ),
  command("CLIENT", fc.constant("NO-EVICT"), fc.constantFrom("ON", "off", "x")),
  command(
    "CONFIG",
    fc.constantFrom("GET", "get"),
    fc.array(fc.constantFrom("timeout", "TIMEOUT", "time[o]ut", "maxclient?", "nosuch"), {
      maxLength: 3,
    }),
  ),
  command(
    "CONFIG",
    fc.constant("SET"),
    fc.array(fc.constantFrom("databases", "nosuch", "timeout", "0", "x", "-1"), { maxLength: 5 }),
  ),
  command("COMMAND", fc.constant("GETKEYS"), single),
  command(
    "COMMAND",
    fc.constant("LIST"),
    fc.constantFrom(
      ["FOO"],
      ["FILTERBY"],
      ["FILTERBY", "x", "y"],
      ["FILTERBY", "MODULE", "x"],
      ["filterby", "pattern", "getd*"],
    ),
  ),
  command("OBJECT", fc.constantFrom("ENCODING", "FREQ", "FOO"), fc.constantFrom("none", "none2")),
  command(
    "MEMORY",
    fc.constant("USAGE"),
    fc.constant("none"),
    fc.constantFrom([], ["SAMPLES"], ["SAMPLES", "x"], ["SAMPLES", "-1"]),
  ),
  command(
    "SCAN",
    fc.constantFrom("0", "00", "-0", "", "x", "1.5"),
    fc.constant(["COUNT", "1000"]),
    fc.constantFrom(
      [],
      ["MATCH", "a*"],
      ["TYPE", "hash"],
      ["match", "*", "MATCH", "b"],
      ["COUNT", "0"],
      ["FOO", "1"],
      ["TYPE"],
    ),
  ),
  command("NOSUCH", fc.array(oddWord, { maxLength: 3 })),
);

/** Answered otherwise by every server, or each time: what a slip may come to. */
const UNSTEADY: readonly RegExp[] = [
  /^COMMAND(?: LIST| GETKEYS \S*)?$/i,
  /^CLIENT (?:LIST|ID|KILL(?: SKIPME \S+)*)$/i,
  /^CONFIG GET .*\*/i,
  /^HELLO(?: [23](?: SETNAME \S*)*)?$/i,
];

function isSteady(words: Words): boolean {
  return !UNSTEADY.some((form) => form.test(words.join(" ")));
}

const anything: fc.Arbitrary<Words> = fc.oneof(
  { weight: 8, arbitrary: single },
  { weight: 4, arbitrary: fc.tuple(single, slip).map(([words, how]) => slipped(words, how)) },
  { weight: 2, arbitrary: other },
  { weight: 1, arbitrary: fc.tuple(other, slip).map(([words, how]) => slipped(words, how)) },
);
const steady = anything.filter(isSteady);

const transaction = fc
  .tuple(fc.array(steady, { maxLength: 4 }), fc.constantFrom("EXEC", "DISCARD", "RESET"))
  .map(([queued, end]) => [["MULTI"], ...queued, [end]]);

export const randomRequests: fc.Arbitrary<readonly Words[]> = fc
  .array(fc.oneof({ weight: 8, arbitrary: steady.map((one) => [one]) }, transaction), {
    maxLength: 30,
  })
  .map((parts) => parts.flat());

const aboutTransactions = fc.oneof(
  { weight: 3, arbitrary: command("WATCH", several) },
  {
    weight: 5,
    arbitrary: fc.constantFrom<Words>(["MULTI"], ["EXEC"], ["UNWATCH"], ["DISCARD"], ["RESET"]),
  },
);
const oneOfAll = fc.oneof(single, fc.constantFrom<Words>(["FLUSHALL"], ["SWAPDB", "0", "1"]));
/** The first client watches; it and two others write. */
const oneTurn: fc.Arbitrary<readonly [number, Words]> = fc.oneof(
  fc.tuple(fc.constant(0), aboutTransactions),
  fc.tuple(fc.nat(2), fc.oneof({ weight: 5, arbitrary: oneOfAll }, aboutTransactions)),
);

/** What three clients ask in turn. */
export const randomTurns: fc.Arbitrary<readonly (readonly [number, Words])[]> = fc.array(oneTurn, {
  maxLength: 100,
  size: "max",
});
