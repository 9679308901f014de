-- KEYS jobs   ARGV prefix limit batch status kind ('' for any) canaries ('1': with them) tenant ('' for all) from
-- Looks at `batch` jobs, newest first, beginning at `from` ('+', or '(' and an id).
-- -> {where to go on or '', {the hash of each job found}}
local jobs = KEYS[1]
local prefix, limit, batch, status, kind, canaries, tenant, from =
  ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), unpack(ARGV, 4, 8)
local found = {}

local ids = redis.call('ZREVRANGEBYLEX', jobs, from, '-', 'LIMIT', 0, batch)
for _, id in ipairs(ids) do
  local job = prefix .. '{' .. id .. '}:job'
  local is = redis.call('HMGET', job, 'status', 'kind', 'purpose', 'tenant')
  local wanted = tenant == '' or (is[4] or 'default') == tenant
  if is[3] == 'canary' then
    wanted = canaries == '1'
  end
  if wanted and (status == '' or is[1] == status) and (kind == '' or is[2] == kind) then
    found[#found + 1] = redis.call('HGETALL', job)
  end
  if #found == limit then
    return {'(' .. id, found}
  end
end
return {#ids == batch and '(' .. ids[#ids] or '', found}
