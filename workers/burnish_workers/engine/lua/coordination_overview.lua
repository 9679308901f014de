-- KEYS leader runners reports shares   -> {leader or '', {report}*, {runner share}*}, live runners only
local leader, runners, reports, shares = unpack(KEYS)
local live = {}

for _, runner in ipairs(redis.call('ZRANGEBYSCORE', runners, '(' .. exact(now()), '+inf')) do
  local report = redis.call('HGET', reports, runner)
  if report then
    table.insert(live, report)
  end
end
return {redis.call('HGET', leader, 'runner') or '', live, redis.call('HGETALL', shares)}
