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

-- Count what was spent today. Fields are <days since 1970>|<kind>|<amount>.
local function spend(usage, kind, amount, more)
  if more ~= 0 then
    redis.call('HINCRBYFLOAT', usage, math.floor(now() / 86400) .. '|' .. kind .. '|' .. amount, more)
  end
end

-- Write something, so that waiting for this connection's writes to reach the disk covers all that came before.
local function touch(job)
  redis.call('HINCRBY', job, 'touched', 1)
end
