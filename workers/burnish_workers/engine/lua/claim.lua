-- KEYS queue leases   ARGV prefix lease limit token (held id)*
-- -> the hash of each claimed job
local queue, leases = unpack(KEYS)
local prefix, lease, limit, token = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local time = now()
local claimed = {}

local function job_of(id)
  return prefix .. '{' .. id .. '}:job'
end

local function take(id)
  local job = job_of(id)
  redis.call('HINCRBY', job, 'epoch', 1)
  redis.call('HSET', job, 'held', '1', 'claim', token)
  redis.call('ZREM', queue, id)
  redis.call('ZADD', leases, exact(time + lease), id)
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', exact(time))) do
  redis.call('ZREM', leases, id)
  redis.call('ZADD', queue, 0, id)
end

if repeated then
  for _, id in ipairs(redis.call('ZRANGE', leases, 0, -1)) do
    if redis.call('HGET', job_of(id), 'claim') == token then
      claimed[#claimed + 1] = redis.call('HGETALL', job_of(id))
    end
  end
end

local held = {}
for i = 5, #ARGV do
  held[ARGV[i]] = true
end
if #claimed == 0 and limit > 0 then
  for _, id in ipairs(redis.call('ZRANGE', queue, 0, limit + #ARGV - 5)) do
    if #claimed < limit and not held[id] then
      take(id)
      claimed[#claimed + 1] = redis.call('HGETALL', job_of(id))
    end
  end
end
return claimed
