-- KEYS leader shares   ARGV epoch (runner share)*   -> 1, or 0 when a later epoch leads
local leader, shares = unpack(KEYS)

if redis.call('HGET', leader, 'epoch') ~= ARGV[1] then
  return 0
end
redis.call('DEL', shares)
for i = 2, #ARGV, 2 do
  redis.call('HSET', shares, ARGV[i], ARGV[i + 1])
end
return 1
