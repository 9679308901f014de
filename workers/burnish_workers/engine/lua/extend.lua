-- KEYS job events queue work once   ARGV id body ttl budget_version budget data most
-- `budget` is the sum of that of `budget_version` and what was asked for.
-- -> {'extended', hash} | {'missing'} | {'conflict'} | {'moved'} | {'closed', status} | {'full', live jobs}
local job, events, queue, work, once = unpack(KEYS)
local id, body, ttl, budget_version, budget, data, most = unpack(ARGV, 1, 7)

if redis.call('EXISTS', job) == 0 then
  return {'missing'}
end
local before = redis.call('HMGET', once, 'body', 'job')
if before[2] then
  if before[1] ~= body or before[2] ~= id then
    return {'conflict'}
  end
  touch(job)
  return {'extended', redis.call('HGETALL', job)}
end
local status = redis.call('HGET', job, 'status')
if status == 'failed' or status == 'crashed' then
  return {'closed', status}
end
if redis.call('HGET', job, 'budget_version') ~= budget_version then
  return {'moved'}
end
local owner = owner_of(job)
local live = TERMINAL[status] and full(owner, most)
if live then
  return {'full', live}
end

redis.call('HSET', once, 'body', body, 'job', id)
redis.call('EXPIRE', once, ttl)
redis.call('HSET', job, 'budget', budget)
redis.call('HINCRBY', job, 'budget_version', 1)
if TERMINAL[status] then
  redis.call('HSET', job, 'status', 'queued', 'cancel_requested', '0')
  redis.call('HDEL', job, 'stage', 'finished_at', 'stopped_by', 'error')
  redis.call('ZADD', queue, 0, id)
  redis.call('SADD', live_of(owner), id)
  redis.call('PUBLISH', events, append(job, events, 'status', data, ''))
end
signal(work)
return {'extended', redis.call('HGETALL', job)}
