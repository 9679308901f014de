-- KEYS job observations   ARGV first last most (text)*
-- `first`: number of the first text among the posted observations; `most`: how many there may be.
-- -> {'taken', replayed, hash} | {'missing'} | {'differs', number, text} | {'gap' or 'closed' or 'beyond', hash}
local job, observations = unpack(KEYS)
local first, last, most = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local sent = #ARGV - 3

local is = redis.call('HMGET', job, 'status', 'observed', 'observed_last')
if not is[1] then
  return {'missing'}
end
local count, over = tonumber(is[2] or '0'), is[3] == '1'
if first > count then
  return {'gap', redis.call('HGETALL', job)}
end

local known = math.min(count - first, sent)
for i, text in ipairs(known > 0 and redis.call('LRANGE', observations, first, first + known - 1) or {}) do
  if text ~= ARGV[3 + i] then
    return {'differs', first + i - 1, text}
  end
end
if last == '1' and first + sent < count then
  return {'beyond', redis.call('HGETALL', job)}
end

local fresh, closes = sent - known, last == '1' and not over
if fresh == 0 and not closes then
  touch(job)
  return {'taken', repeated and '0' or '1', redis.call('HGETALL', job)}
end
if TERMINAL[is[1]] or over or count + fresh > most then
  return {'closed', redis.call('HGETALL', job)}
end
for i = known + 1, sent do
  redis.call('RPUSH', observations, ARGV[3 + i])
end
redis.call('HSET', job, 'observed', count + fresh, 'observed_last', last)
redis.call('PUBLISH', observations, count + fresh + tonumber(last))
return {'taken', '0', redis.call('HGETALL', job)}
