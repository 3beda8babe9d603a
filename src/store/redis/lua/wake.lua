-- Makes up to `max` runs due that wait for the end of a pause, from a member of their index on; gives the member to go on
-- from, or '' at the end.
local from, max = take(), tonumber(take())
expect('zset', by_wait('pause'), P .. 'due')
expect('stream', P .. 'bell')
local page = call('ZRANGEBYLEX', by_wait('pause'), from == '' and '-' or '(' .. from, '+', 'LIMIT', 0, max)
for _, at in ipairs(page) do
  local key = P .. 'r:' .. string.sub(at, 18)
  if call('HGET', key, 'waits_for') == 'pause' then
    call('HINCRBY', key, 'version', 1)
    call('HSET', key, 'due', int(now))
    call('ZADD', P .. 'due', int(now), at)
  end
end
if #page > 0 then
  ring()
end
return { 'woken', int(now), int(clock), #page == max and page[#page] or '' }
