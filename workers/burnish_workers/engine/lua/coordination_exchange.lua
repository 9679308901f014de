-- KEYS leader runners reports loads shares   ARGV runner report load ttl lease
-- `leader`: a hash of runner, epoch, until. `runners`: names by when their reports expire.
-- -> {epoch or 0, own share or '', {runner load}*, {report}* (for the leader)}
local leader, runners, reports, loads, shares = unpack(KEYS)
local runner, report, load, ttl, lease = unpack(ARGV, 1, 5)
local time = now()

redis.call('ZADD', runners, exact(time + tonumber(ttl)), runner)
redis.call('HSET', reports, runner, report)
redis.call('HSET', loads, runner, load)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', runners, '-inf', exact(time))) do
  redis.call('ZREM', runners, gone)
  redis.call('HDEL', reports, gone)
  redis.call('HDEL', loads, gone)
end

local lead = redis.call('HMGET', leader, 'runner', 'until')
local leads = lead[1] == runner
if not lead[2] or tonumber(lead[2]) <= time then
  redis.call('HINCRBY', leader, 'epoch', 1)
  leads = true
end
if leads then
  redis.call('HSET', leader, 'runner', runner, 'until', exact(time + tonumber(lease)))
end
return {
  leads and tonumber(redis.call('HGET', leader, 'epoch')) or 0,
  redis.call('HGET', shares, runner) or '',
  redis.call('HGETALL', loads),
  leads and redis.call('HVALS', reports) or {},
}
