-- KEYS order deliveries   ARGV limit   -> {delivery}*, newest first
local found = {}

for _, id in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, tonumber(ARGV[1]) - 1)) do
  found[#found + 1] = redis.call('HGET', KEYS[2], id) or nil
end
return found
