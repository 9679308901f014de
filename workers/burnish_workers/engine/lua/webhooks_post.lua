-- KEYS endpoints   ARGV prefix endpoint whose id at delivery
local prefix, endpoint, whose, id, at, delivery = unpack(ARGV, 1, 6)

if redis.call('HEXISTS', KEYS[1], endpoint) == 1 then
  post(desk_of(prefix, whose), id, at, delivery)
end
return 1
