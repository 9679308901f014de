-- KEYS checking files   ARGV lease   -> a model to check, or false
local checking, files = unpack(KEYS)

for _, id in ipairs(redis.call('ZRANGEBYSCORE', checking, '-inf', now(), 'LIMIT', 0, 10)) do
  local file = redis.call('HGET', files, id)
  if file then
    redis.call('ZADD', checking, now() + tonumber(ARGV[1]), id)
    return file
  end
  redis.call('ZREM', checking, id)
end
return false
