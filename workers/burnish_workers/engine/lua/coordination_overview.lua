-- KEYS leader runners reports shares fronts streams
-- -> {leader or '', {report}*, {runner share}*, {front streams}*}, live runners and fronts only
local leader, runners, reports, shares, fronts, streams = unpack(KEYS)
local live, there = {}, {}

for _, runner in ipairs(redis.call('ZRANGEBYSCORE', runners, '(' .. exact(now()), '+inf')) do
  local report = redis.call('HGET', reports, runner)
  if report then
    table.insert(live, report)
  end
end
for _, front in ipairs(redis.call('ZRANGEBYSCORE', fronts, '(' .. exact(now()), '+inf')) do
  there[#there + 1] = front
  there[#there + 1] = redis.call('HGET', streams, front) or '0'
end
return {redis.call('HGET', leader, 'runner') or '', live, redis.call('HGETALL', shares), there}
