-- KEYS fronts streams   ARGV front streams ttl
-- `fronts`: names by when they expire. `streams`: how many streams each has open.
local fronts, streams = unpack(KEYS)
local time = now()

redis.call('ZADD', fronts, exact(time + tonumber(ARGV[3])), ARGV[1])
redis.call('HSET', streams, ARGV[1], ARGV[2])
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', fronts, '-inf', exact(time))) do
  redis.call('ZREM', fronts, gone)
  redis.call('HDEL', streams, gone)
end
return 1
