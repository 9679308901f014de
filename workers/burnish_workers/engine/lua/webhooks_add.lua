-- KEYS endpoints all   ARGV id endpoint whose most   -> 1, or 0 when the tenant has so many
local endpoints, all = unpack(KEYS)
local id, endpoint, whose, most = unpack(ARGV, 1, 4)

if redis.call('HEXISTS', endpoints, id) == 0 and redis.call('HLEN', endpoints) >= tonumber(most) then
  return 0
end
redis.call('HSET', endpoints, id, endpoint)
redis.call('SADD', all, whose)
return 1
