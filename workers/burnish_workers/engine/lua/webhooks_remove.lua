-- KEYS endpoints all   ARGV prefix id whose
local endpoints, all = unpack(KEYS)
local prefix, id, whose = unpack(ARGV, 1, 3)
local desk = desk_of(prefix, whose)

redis.call('HDEL', endpoints, id)
redis.call('SREM', all, whose)
for _, each in ipairs(redis.call('ZRANGE', desk.waits, 0, -1)) do
  redis.call('ZREM', desk.waiting, whose .. ' ' .. each)
end
redis.call('DEL', desk.deliveries, desk.order, desk.waits, desk.done)
redis.call('ZREM', desk.due, whose)
return 1
