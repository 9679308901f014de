-- KEYS -   ARGV prefix whose id   -> the delivery, due now as if it had not been tried; false when none is settled
local prefix, whose, id = unpack(ARGV, 1, 3)
local desk = desk_of(prefix, whose)

local kept = redis.call('HGET', desk.deliveries, id)
if not kept then
  return false
end
if redis.call('ZREM', desk.done, id) == 0 then
  return repeated and kept or false
end
local told = cjson.decode(kept)
local at = exact(tonumber(told.at))
local fresh = cjson.encode({id = told.id, type = told.type, at = at, data = told.data})
redis.call('HDEL', desk.deliveries, id)
post(desk, id, at, fresh)
return fresh
