-- KEYS files checking   ARGV id file
local files, checking = unpack(KEYS)
local id, file = unpack(ARGV, 1, 2)
local kept = redis.call('HGET', files, id)

if kept and cjson.decode(kept).state == 'checking' then
  redis.call('HSET', files, id, file)
end
redis.call('ZREM', checking, id)
return 1
