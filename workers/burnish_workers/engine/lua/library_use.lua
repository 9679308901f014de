-- KEYS files users   ARGV id job   -> 1, or 0 when there is no such file
local files, users = unpack(KEYS)

if redis.call('HEXISTS', files, ARGV[1]) == 0 then
  return 0
end
redis.call('HSET', users, ARGV[2], now())
return 1
