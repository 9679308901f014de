-- KEYS queue leases   ARGV prefix
-- -> {status how_many}* of live jobs, canaries excepted
local prefix, counts, told = ARGV[1], {}, {}

for _, key in ipairs(KEYS) do
  for _, id in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    local is = redis.call('HMGET', prefix .. '{' .. id .. '}:job', 'status', 'purpose')
    if is[1] and is[2] ~= 'canary' then
      counts[is[1]] = (counts[is[1]] or 0) + 1
    end
  end
end
for status, count in pairs(counts) do
  told[#told + 1] = status
  told[#told + 1] = count
end
return told
