-- KEYS leader runners reports loads   ARGV runner
local leader, runners, reports, loads = unpack(KEYS)
local runner = ARGV[1]

redis.call('ZREM', runners, runner)
redis.call('HDEL', reports, runner)
redis.call('HDEL', loads, runner)
if redis.call('HGET', leader, 'runner') == runner then
  redis.call('HSET', leader, 'until', '0')
end
return 1
