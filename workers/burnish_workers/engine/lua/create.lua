-- KEYS job events jobs queue work usage promises promised [once]
-- ARGV id body ttl data version most tenant (field value)*
-- -> {'created'} | {'replayed', id} | {'conflict'} | {'moved'} | {'full', live jobs}
local job, events, jobs, queue, work, usage, promises, promised, once = unpack(KEYS)
local id, body, ttl, data, version, most, tenant = unpack(ARGV, 1, 7)

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
local live = full({tenant = tenant, prefix = string.match(job, '^(.-){')}, most)
if live then
  return {'full', live}
end
if once then
  redis.call('HSET', once, 'body', body, 'job', id)
  redis.call('EXPIRE', once, ttl)
end
for i = 8, #ARGV, 2 do
  redis.call('HSET', job, ARGV[i], ARGV[i + 1])
end
append(job, events, 'status', data, '')
local owner = owner_of(job)
if owner.counts then
  redis.call('SADD', live_of(owner), id)
end
if redis.call('HGET', job, 'purpose') == 'answer' then
  spend(usage, owner, 'jobs', 1)
end
local promise = redis.call('HGET', job, 'promise')
if promise then
  redis.call('INCR', promised)
  redis.call('HSET', promises, id, promise)
  spend(usage, owner, 'promises_made', 1)
end
redis.call('ZADD', jobs, 0, id)
redis.call('ZADD', queue, 0, id)
signal(work)
return {'created'}
