-- KEYS tallies   ARGV prefix whose id until delivery wait ('' when it is settled) kept counted
-- -> 1, or 0 when another sender has it, or it is gone
local prefix, whose, id, till, delivery, wait, kept, counted = unpack(ARGV, 1, 8)
local desk = desk_of(prefix, whose)

if repeated and redis.call('HGET', desk.deliveries, id) == delivery then
  return 1
end
local held = redis.call('ZSCORE', desk.waits, id)
if not held or tonumber(held) ~= tonumber(till) then
  return 0
end
redis.call('HSET', desk.deliveries, id, delivery)
redis.call('HINCRBYFLOAT', KEYS[1], counted, 1)
if wait ~= '' then
  redis.call('ZADD', desk.waits, exact(now() + tonumber(wait)), id)
else
  settled(desk, id)
  redis.call('ZADD', desk.done, exact(now()), id)
  forget(desk, redis.call('ZRANGE', desk.done, 0, -tonumber(kept) - 1))
end
reschedule(desk)
return 1
