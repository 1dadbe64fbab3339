/** The commands of Redis 7.2 that the door does not know, by what they are about. */

export interface MissingCommands {
  readonly about: string;
  readonly names: string;
}

export const missingCommands: readonly MissingCommands[] = [
  {
    about: "strings",
    names:
      "bitcount bitfield bitfield_ro bitop bitpos getbit lcs pfadd pfcount pfdebug pfmerge " +
      "pfselftest setbit",
  },
  {
    about: "hashes",
    names:
      "hdel hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hrandfield " +
      "hscan hset hsetnx hstrlen hvals",
  },
  {
    about: "lists",
    names:
      "blmove blmpop blpop brpop brpoplpush lindex linsert llen lmove lmpop lpop lpos lpush " +
      "lpushx lrange lrem lset ltrim rpop rpoplpush rpush rpushx",
  },
  {
    about: "sets",
    names:
      "sadd scard sdiff sdiffstore sinter sintercard sinterstore sismember smembers " +
      "smismember smove spop srandmember srem sscan sunion sunionstore",
  },
  {
    about: "sorted sets and places",
    names:
      "bzmpop bzpopmax bzpopmin geoadd geodist geohash geopos georadius georadius_ro " +
      "georadiusbymember georadiusbymember_ro geosearch geosearchstore zadd zcard zcount " +
      "zdiff zdiffstore zincrby zinter zintercard zinterstore zlexcount zmpop zmscore " +
      "zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrangestore zrank zrem " +
      "zremrangebylex zremrangebyrank zremrangebyscore zrevrange zrevrangebylex " +
      "zrevrangebyscore zrevrank zscan zscore zunion zunionstore",
  },
  {
    about: "streams",
    names:
      "xack xadd xautoclaim xclaim xdel xgroup xinfo xlen xpending xrange xread xreadgroup " +
      "xrevrange xsetid xtrim",
  },
  {
    about: "publishing",
    names:
      "psubscribe publish pubsub punsubscribe spublish ssubscribe subscribe sunsubscribe " +
      "unsubscribe",
  },
  {
    about: "scripts",
    names: "eval eval_ro evalsha evalsha_ro fcall fcall_ro function script",
  },
  {
    about: "keys of any type",
    names: "dump migrate object|idletime restore restore-asking sort sort_ro",
  },
  {
    about: "connections",
    names:
      "client|caching client|getredir client|tracking client|trackinginfo client|unblock " +
      "command|getkeysandflags waitaof",
  },
  {
    about: "the server",
    names:
      "acl bgrewriteaof bgsave debug failover lastsave latency lolwut memory|doctor " +
      "memory|malloc-stats memory|purge memory|stats module monitor psync replconf " +
      "replicaof role save shutdown slaveof slowlog sync",
  },
  { about: "slots", names: "asking cluster readonly readwrite" },
];
