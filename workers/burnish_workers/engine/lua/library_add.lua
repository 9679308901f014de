-- KEYS files order checking work owners bytes   ARGV id file checking tenant size most ('' for any number of bytes)
-- -> {'kept', file} | {'full', bytes that the tenant has}
-- `checking` is scored by when the lease of whoever checks them expires; `order` is the tenant's.
local files, order, checking, work, owners, bytes = unpack(KEYS)
local id, file, checked, tenant, size, most = unpack(ARGV, 1, 6)

if not redis.call('ZSCORE', order, id) then
  local has = tonumber(redis.call('HGET', bytes, tenant) or '0')
  if most ~= '' and has + tonumber(size) > tonumber(most) then
    return {'full', tostring(has)}
  end
  redis.call('ZADD', order, now(), id)
  redis.call('SADD', owners, tenant)
  redis.call('HINCRBY', bytes, tenant, size)
end
local kept = redis.call('HGET', files, id)
if kept and cjson.decode(kept).state ~= 'rejected' then
  touch(files .. ':touched')
  return {'kept', kept}
end
redis.call('HSET', files, id, file)
if checked == '1' then
  redis.call('ZADD', checking, 0, id)
  signal(work)
end
return {'kept', file}
