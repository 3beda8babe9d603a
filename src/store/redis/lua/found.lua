-- The journal's identity, made now if there is none and it is to be made. KEYS[1] is how every key begins.
-- ARGV: 1 layout, 2 a new identity, 3 the time to take for the server's ('' for its own), 4 whether to make one.
local P, call = KEYS[1], redis.call
local META = P .. 'meta'
local kept = call('HMGET', META, 'layout', 'epoch', 'created')
if kept[1] and kept[1] ~= ARGV[1] then
  return { 'layout', kept[1] }
end
if kept[1] and kept[2] and kept[3] and call('HEXISTS', META, 'seq') == 1 and call('HEXISTS', META, 'last') == 1 then
  return { 'kept', kept[2], kept[3] }
end
if ARGV[4] ~= '1' then
  return { 'nothing' }
end
local clock = ARGV[3]
if clock == '' then
  local time = call('TIME')
  clock = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
end
-- Where only this key was lost, the order goes on behind the newest thing that is still there.
local seq = 0
local indexes = { 'events', 's:delayed', 's:queued', 's:running', 's:waiting', 's:unknown', 's:succeeded', 's:dead',
  's:declined', 's:cancelled', 's:superseded', 's:shadowed' }
for _, index in ipairs(indexes) do
  local newest = call('ZREVRANGE', P .. index, 0, 0)[1]
  seq = math.max(seq, newest and tonumber(string.sub(newest, 1, 16)) or 0)
end
call('HSET', META, 'layout', ARGV[1], 'epoch', ARGV[2], 'created', clock, 'identity', ARGV[1] .. ':' .. ARGV[2], 'last',
  clock, 'seq', string.format('%.0f', seq), 'changes', 0)
return { 'made', ARGV[2], clock }
