-- KEYS job queue leases   ARGV id epoch lease
-- -> {'held', cancel_requested, budget, budget_version} | {'fenced'}
local job, queue, leases = unpack(KEYS)
local id, epoch, lease = ARGV[1], ARGV[2], tonumber(ARGV[3])

if not holds(job, epoch) then
  return {'fenced'}
end
-- Late, but nobody has claimed it meanwhile: it goes on being ours.
redis.call('ZREM', queue, id)
redis.call('ZADD', leases, exact(now() + lease), id)
return {'held', unpack(redis.call('HMGET', job, 'cancel_requested', 'budget', 'budget_version'))}
