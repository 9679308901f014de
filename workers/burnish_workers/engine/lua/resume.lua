-- KEYS job events queue work   ARGV id data most
-- -> {'resumed', hash} | {'missing'} | {'closed', status} | {'full', live jobs}
local job, events, queue, work = unpack(KEYS)
local id, data, most = unpack(ARGV, 1, 3)

local status = redis.call('HGET', job, 'status')
if not status then
  return {'missing'}
end
if status == 'crashed' then
  local owner = owner_of(job)
  local live = full(owner, most)
  if live then
    return {'full', live}
  end
  redis.call('SADD', live_of(owner), id)
  redis.call('HSET', job, 'status', 'queued', 'cancel_requested', '0', 'resumable', '0')
  redis.call('HDEL', job, 'stage', 'finished_at', 'stopped_by', 'error')
  redis.call('ZADD', queue, 0, id)
  redis.call('PUBLISH', events, append(job, events, 'status', data, ''))
  signal(work)
elseif TERMINAL[status] then
  return {'closed', status}
else
  touch(job)
end
return {'resumed', redis.call('HGETALL', job)}
