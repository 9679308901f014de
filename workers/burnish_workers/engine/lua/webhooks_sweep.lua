-- KEYS all   ARGV prefix age   -> how many settled deliveries older than that are forgotten
local before, count = exact(now() - tonumber(ARGV[2])), 0

for _, whose in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local desk = desk_of(ARGV[1], whose)
  count = count + forget(desk, redis.call('ZRANGEBYSCORE', desk.done, '-inf', '(' .. before))
end
return count
