-- KEYS files order checking work   ARGV id file checking   -> the file that is kept
-- `checking` is scored by when the lease of whoever checks it expires.
local files, order, checking, work = unpack(KEYS)
local id, file, checked = unpack(ARGV, 1, 3)
local kept = redis.call('HGET', files, id)

if kept and cjson.decode(kept).state ~= 'rejected' then
  touch(files .. ':touched')
  return kept
end
redis.call('HSET', files, id, file)
redis.call('ZADD', order, 'NX', now(), id)
if checked == '1' then
  redis.call('ZADD', checking, 0, id)
  signal(work)
end
return file
