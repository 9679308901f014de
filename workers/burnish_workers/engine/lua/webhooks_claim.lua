-- KEYS due   ARGV prefix lease (busy endpoint)*   -> {endpoint, delivery, until} | false
-- What is claimed is due again when the lease is over, unless it is settled before: its sender may die. A claim whose
-- reply was lost is not found again: that delivery waits for its lease.
local due, prefix, lease = KEYS[1], ARGV[1], tonumber(ARGV[2])
local time, busy = now(), {}
for i = 3, #ARGV do
  busy[ARGV[i]] = true
end

local function take(whose)
  local desk = desk_of(prefix, whose)
  local tenant, id = string.match(whose, '^(.-)/(.*)$')
  local endpoint = redis.call('HGET', endpoints_of(prefix, tenant), id)
  local message = redis.call('ZRANGEBYSCORE', desk.waits, '-inf', exact(time), 'LIMIT', 0, 1)[1]
  if not endpoint or not message then
    reschedule(desk)
    return nil
  end
  local till = exact(time + lease)
  redis.call('ZADD', desk.waits, till, message)
  reschedule(desk)
  return {endpoint, redis.call('HGET', desk.deliveries, message), till}
end

for _, whose in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', exact(time))) do
  local taken = not busy[whose] and take(whose)
  if taken then
    return taken
  end
end
return false
