-- KEYS schema   ARGV version   -> the newest version that the store has served; this one, if it is newer
local schema, version = KEYS[1], tonumber(ARGV[1])
local before = tonumber(redis.call('GET', schema) or '1')

if before < version then
  redis.call('SET', schema, version)
end
return tostring(math.max(before, version))
