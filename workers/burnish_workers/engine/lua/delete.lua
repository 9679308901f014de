-- KEYS job events ledger jobs observations   ARGV id
-- -> {'deleted'} | {'missing'} | {'live', status}
local job, events, ledger, jobs, observations = unpack(KEYS)

local status = redis.call('HGET', job, 'status')
if status and not TERMINAL[status] then
  return {'live', status}
end
redis.call('ZREM', jobs, ARGV[1])
redis.call('DEL', job, ledger, events, observations)
-- Whoever follows it wakes up and finds it gone.
redis.call('PUBLISH', events, 9007199254740991)
return (status or repeated) and {'deleted'} or {'missing'}
