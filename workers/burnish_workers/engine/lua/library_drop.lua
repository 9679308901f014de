-- KEYS files order checking owners bytes users default_order   ARGV id tenant
-- -> 'gone' | 'shared' | 'missing'
-- Of files from before there were tenants, which are the default one's, `owners` and `bytes` know nothing.
local files, order, checking, owners, bytes, users, default_order = unpack(KEYS)
local id, tenant = unpack(ARGV, 1, 2)

if redis.call('ZREM', order, id) == 0 then
  if repeated and redis.call('HEXISTS', files, id) == 0 then
    return 'gone'
  end
  return 'missing'
end
if redis.call('SREM', owners, tenant) == 1 then
  redis.call('HINCRBY', bytes, tenant, -cjson.decode(redis.call('HGET', files, id)).bytes)
end
if redis.call('SCARD', owners) > 0 or redis.call('ZSCORE', default_order, id) then
  return 'shared'
end
redis.call('ZREM', checking, id)
redis.call('DEL', users)
redis.call('HDEL', files, id)
return 'gone'
