-- Put before every script. One call is atomic: nobody sees half of it.
--
-- A job is a hash (fields of JobRecord as text, and below), its events a stream whose ids are 0-<sequence>, its ledger a
-- sorted set of rows by index, its posted observations a list of texts. A live job is either in `queue` (free to claim; equal scores, so the order is that of the
-- ids) or in `leases` (scored by when the lease expires).
--   held     '1' while the runner of `epoch` may write
--   claim    the token of the call that claimed it
--   refined  the number of the last refinement
--
-- The first argument is '0', or '1' when the call is repeated because its reply was lost: then it may have been done.

local repeated = table.remove(ARGV, 1) == '1'
local TERMINAL = {completed = true, failed = true, crashed = true, cancelled = true}

local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1e6
end

local function exact(seconds)
  return string.format('%.6f', seconds)
end

local function append(job, events, type, data, token)
  local sequence = redis.call('HINCRBY', job, 'sequence', 1)
  if type == 'refinement' then
    redis.call('HSET', job, 'refined', sequence)
  end
  local refined = redis.call('HGET', job, 'refined') or '0'
  redis.call('XADD', events, '0-' .. sequence,
    'type', type, 'at', exact(now()), 'data', data, 'refined', refined, 'token', token)
  return sequence
end

local function holds(job, epoch)
  local held = redis.call('HMGET', job, 'epoch', 'held')
  return held[1] == epoch and held[2] == '1'
end

-- Tell the runners that there may be work.
local function signal(work)
  redis.call('PUBLISH', work, redis.call('INCR', work))
end

-- Whose job it is. Those of before there were tenants have none.
local function owner_of(job)
  local is = redis.call('HMGET', job, 'tenant', 'kind', 'purpose')
  return {tenant = is[1] or 'default', kind = is[2], counts = is[3] ~= 'canary', prefix = string.match(job, '^(.-){')}
end

-- Ids of the live jobs of a tenant.
local function live_of(owner)
  return owner.prefix .. 'live:' .. owner.tenant
end

-- How many live jobs a tenant has, when that is as many as it may have (`most`, '' for any number); else nothing.
local function full(owner, most)
  local live = live_of(owner)
  if most == '' or redis.call('SCARD', live) < tonumber(most) then
    return nil
  end
  -- Runners of an older version take nothing out.
  for _, id in ipairs(redis.call('SMEMBERS', live)) do
    local status = redis.call('HGET', owner.prefix .. '{' .. id .. '}:job', 'status')
    if not status or TERMINAL[status] then
      redis.call('SREM', live, id)
    end
  end
  local count = redis.call('SCARD', live)
  return count >= tonumber(most) and count or nil
end

-- Count what was spent today, for the tenant and for all together. Fields are <days since 1970>|<kind>|<amount>.
local function spend(usage, owner, amount, more)
  if more ~= 0 then
    local day = math.floor(now() / 86400)
    local field = day .. '|' .. owner.kind .. '|' .. amount
    redis.call('HINCRBYFLOAT', usage, field, more)
    redis.call('HINCRBYFLOAT', usage .. ':' .. owner.tenant, field, more)
    if amount == 'units' then
      redis.call('HINCRBYFLOAT', owner.prefix .. 'units', owner.tenant .. '|' .. day, more)
    end
  end
end

-- Write something, so that waiting for this connection's writes to reach the disk covers all that came before.
local function touch(job)
  redis.call('HINCRBY', job, 'touched', 1)
end
