-- KEYS job events ledger queue leases usage promises tallies
-- ARGV id epoch token ends budget_version anew, then four counted lists: (type data)* (field value)* (field to drop)*
-- (amount of usage, how much more)*, then (index row)* to the end
-- -> {'written', sequence} | {'fenced'} | {'budget'}
local job, events, ledger, queue, leases, usage, promises, tallies = unpack(KEYS)
local id, epoch, token, ends, budget_version, anew = unpack(ARGV, 1, 6)
local at = 7
local owner = owner_of(job)

local function counted()
  local count = tonumber(ARGV[at])
  local first = at + 1
  at = first + count
  return first, at - 1
end

-- The number that this very emission got before its reply was lost. Only the holder writes much: it is near the end.
local function written()
  for _, event in ipairs(redis.call('XREVRANGE', events, '+', '-', 'COUNT', 100)) do
    local fields = event[2]
    for i = 1, #fields, 2 do
      if fields[i] == 'token' and fields[i + 1] == token then
        return tonumber(string.sub(event[1], 3))
      end
    end
  end
end

-- Count for as long as the store lives, with what is counted and by the same fence.
local function count(name, more)
  redis.call('HINCRBYFLOAT', tallies, name, more)
end

-- Usage grows by what the job has spent since it last said so; one that begins again has spent what it spent.
local function charge(spent)
  local before = cjson.decode(redis.call('HGET', job, 'spent') or '{}')
  local whose = 'spent|' .. (redis.call('HGET', job, 'tenant') or 'default') .. '|' .. redis.call('HGET', job, 'kind')
  for name, amount in pairs(cjson.decode(spent)) do
    local more = math.max(0, amount - (before[name] or 0))
    if more ~= 0 then
      count(whose .. '|' .. name, more)
    end
    spend(usage, owner, name, more)
  end
end

if repeated then
  local sequence = written()
  if sequence then
    touch(job)
    return {'written', sequence}
  end
end
if not holds(job, epoch) then
  if not repeated then
    count('fenced', 1)
  end
  return {'fenced'}
end
if ends == '1' and tonumber(budget_version) >= 0 and redis.call('HGET', job, 'budget_version') ~= budget_version then
  return {'budget'}
end

local first, last = counted()
for i = first, last, 2 do
  append(job, events, ARGV[i], ARGV[i + 1], token)
end
local appended = last > first
first, last = counted()
for i = first, last, 2 do
  if ARGV[i] == 'spent' and owner.counts then
    charge(ARGV[i + 1])
  end
  redis.call('HSET', job, ARGV[i], ARGV[i + 1])
end
first, last = counted()
for i = first, last do
  redis.call('HDEL', job, ARGV[i])
end
first, last = counted()
for i = first, last, 2 do
  spend(usage, owner, ARGV[i], tonumber(ARGV[i + 1]))
end
if anew == '1' then
  redis.call('DEL', ledger)
end
for i = at, #ARGV, 2 do
  if redis.call('ZREMRANGEBYSCORE', ledger, ARGV[i], ARGV[i]) == 0 then
    local kind = redis.call('HGET', job, 'kind')
    count('blocks|' .. kind, 1)
    local again = cjson.decode(ARGV[i + 1]).attempts - 1
    if again > 0 then
      count('reissued|' .. kind, again)
    end
  end
  redis.call('ZADD', ledger, ARGV[i], ARGV[i + 1])
end
if ends == '1' then
  local is = redis.call('HMGET', job, 'kind', 'status', 'purpose')
  if is[3] ~= 'canary' then
    count('ended|' .. is[1] .. '|' .. is[2], 1)
    announce(job, id, owner)
  end
  redis.call('HSET', job, 'held', '0')
  redis.call('ZREM', queue, id)
  redis.call('ZREM', leases, id)
  redis.call('HDEL', promises, id)
  redis.call('SREM', live_of(owner), id)
end
local sequence = tonumber(redis.call('HGET', job, 'sequence'))
if appended then
  redis.call('PUBLISH', events, sequence)
end
return {'written', sequence}
