-- KEYS keys   ARGV id before ('' for none) after   -> 1, or 0 when something else is there
local keys = KEYS[1]
local id, before, after = unpack(ARGV, 1, 3)
local there = redis.call('HGET', keys, id) or ''

if there ~= before and not (repeated and there == after) then
  return 0
end
redis.call('HSET', keys, id, after)
return 1
