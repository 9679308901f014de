-- KEYS job work   -> the job's hash; empty when there is none
local job, work = unpack(KEYS)
local before = redis.call('HMGET', job, 'status', 'cancel_requested')

if before[1] and not TERMINAL[before[1]] and before[2] ~= '1' then
  redis.call('HSET', job, 'cancel_requested', '1')
  signal(work)
end
return redis.call('HGETALL', job)
