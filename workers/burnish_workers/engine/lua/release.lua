-- KEYS job queue leases work   ARGV id epoch
local job, queue, leases, work = unpack(KEYS)
local id, epoch = unpack(ARGV, 1, 2)

if holds(job, epoch) then
  redis.call('HSET', job, 'held', '0')
  redis.call('ZREM', leases, id)
  redis.call('ZADD', queue, 0, id)
  signal(work)
end
