-- Put after the prelude of scripts about webhooks.
--
-- `webhooks:of:<tenant>` is a hash of endpoints by id. An endpoint is known elsewhere as <tenant>/<id>: `whose`. What it is
-- told is a hash of deliveries by id, which are in the `order` of what they tell; those that wait are in `waits` by the
-- next try, the settled ones in `done` by when they were.
-- `webhooks:due` has the endpoints to which something waits by their next try, `webhooks:waiting` all that waits by age,
-- `webhooks:all` all endpoints.

local function endpoints_of(prefix, tenant)
  return prefix .. 'webhooks:of:' .. tenant
end

local function desk_of(prefix, whose)
  local desk = {due = prefix .. 'webhooks:due', waiting = prefix .. 'webhooks:waiting', whose = whose}
  for _, part in ipairs({'deliveries', 'order', 'waits', 'done'}) do
    desk[part] = prefix .. 'webhook:' .. whose .. ':' .. part
  end
  return desk
end

-- When the endpoint is next due. Call it after every change of what waits.
local function reschedule(desk)
  local first = redis.call('ZRANGE', desk.waits, 0, 0, 'WITHSCORES')
  if first[1] then
    redis.call('ZADD', desk.due, first[2], desk.whose)
  else
    redis.call('ZREM', desk.due, desk.whose)
  end
end

-- Put a delivery into the outbox, due now. `at`: of what it tells.
local function post(desk, id, at, text)
  if redis.call('HSETNX', desk.deliveries, id, text) == 1 then
    redis.call('ZADD', desk.order, at, id)
    redis.call('ZADD', desk.waits, exact(now()), id)
    redis.call('ZADD', desk.waiting, at, desk.whose .. ' ' .. id)
    reschedule(desk)
  end
end

local function settled(desk, id)
  redis.call('ZREM', desk.waits, id)
  redis.call('ZREM', desk.waiting, desk.whose .. ' ' .. id)
end

local function forget(desk, ids)
  for _, id in ipairs(ids) do
    redis.call('HDEL', desk.deliveries, id)
    redis.call('ZREM', desk.order, id)
    redis.call('ZREM', desk.done, id)
  end
  return #ids
end

-- A job has ended: to every endpoint of its tenant that wants to be told so.
local function announce(job, id, owner)
  local endpoints = redis.call('HVALS', endpoints_of(owner.prefix, owner.tenant))
  if #endpoints == 0 then
    return
  end
  local is, at = redis.call('HMGET', job, 'status', 'purpose', 'stopped_by', 'sequence'), exact(now())
  local type, message = 'job.' .. is[1], 'msg_' .. id .. '_' .. is[4]
  local data = {id = id, kind = owner.kind, status = is[1], purpose = is[2] or 'answer', stopped_by = is[3] or nil}
  local text = cjson.encode({id = message, type = type, at = at, data = data})
  for _, kept in ipairs(endpoints) do
    local endpoint = cjson.decode(kept)
    local wanted = false
    for _, event in ipairs(endpoint.events) do
      wanted = wanted or event == type
    end
    if wanted and not endpoint.disabled_at then
      post(desk_of(owner.prefix, owner.tenant .. '/' .. endpoint.id), message, at, text)
    end
  end
end
