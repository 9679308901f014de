-- KEYS job events jobs queue work usage promises promised [once]   ARGV id body ttl data version (field value)*
-- -> {'created'} | {'replayed', id} | {'conflict'} | {'moved'}
local job, events, jobs, queue, work, usage, promises, promised, once = unpack(KEYS)
local id, body, ttl, data, version = unpack(ARGV, 1, 5)

if once then
  local before = redis.call('HMGET', once, 'body', 'job')
  if before[2] and before[1] ~= body then
    return {'conflict'}
  elseif before[2] and before[2] ~= id then
    touch(once)
    return {'replayed', before[2]}
  end
end
if redis.call('EXISTS', job) == 1 then
  touch(job)
  return {'created'}
end
if version ~= '' and (redis.call('GET', promised) or '0') ~= version then
  return {'moved'}
end
if once then
  redis.call('HSET', once, 'body', body, 'job', id)
  redis.call('EXPIRE', once, ttl)
end
for i = 6, #ARGV, 2 do
  redis.call('HSET', job, ARGV[i], ARGV[i + 1])
end
append(job, events, 'status', data, '')
if redis.call('HGET', job, 'purpose') == 'answer' then
  spend(usage, redis.call('HGET', job, 'kind'), 'jobs', 1)
end
local promise = redis.call('HGET', job, 'promise')
if promise then
  redis.call('INCR', promised)
  redis.call('HSET', promises, id, promise)
  spend(usage, redis.call('HGET', job, 'kind'), 'promises_made', 1)
end
redis.call('ZADD', jobs, 0, id)
redis.call('ZADD', queue, 0, id)
signal(work)
return {'created'}
