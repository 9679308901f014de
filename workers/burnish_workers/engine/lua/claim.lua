-- KEYS queue leases tallies   ARGV prefix lease limit token schema (held id)*
-- -> the hash of each claimed job. Those of a newer schema are left to runners that read it.
local queue, leases, tallies = unpack(KEYS)
local prefix, lease, limit, token = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local schema = tonumber(ARGV[5])
local time = now()
local claimed = {}

local function job_of(id)
  return prefix .. '{' .. id .. '}:job'
end

local function take(id)
  local job = job_of(id)
  if redis.call('HGET', job, 'held') == '1' then -- its runner neither ended it nor gave it up
    redis.call('HINCRBYFLOAT', tallies, 'takeovers', 1)
  end
  redis.call('HINCRBY', job, 'epoch', 1)
  redis.call('HSET', job, 'held', '1', 'claim', token, 'schema', schema)
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
for i = 6, #ARGV do
  held[ARGV[i]] = true
end
if #claimed == 0 and limit > 0 then
  local wanted, from = limit + #ARGV - 5, 0
  repeat
    local ids = redis.call('ZRANGE', queue, from, from + wanted - 1)
    local passed = 0
    for _, id in ipairs(ids) do
      local newer = tonumber(redis.call('HGET', job_of(id), 'schema') or '1') > schema
      if newer or held[id] or #claimed == limit then
        passed = passed + 1
      else
        claimed[#claimed + 1] = id
        take(id)
      end
    end
    from = from + passed
  until #claimed == limit or #ids < wanted
  for i, id in ipairs(claimed) do
    claimed[i] = redis.call('HGETALL', job_of(id))
  end
end
return claimed
