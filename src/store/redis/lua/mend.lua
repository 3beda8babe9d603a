-- Puts the entries of up to `max` runs back into the indexes they belong to, from the runs themselves.
-- Walks one index from a member on, and gives the member to go on from, or '' at its end.
local index, from, max = take(), take(), tonumber(take())
local page
if index == 'due' then
  -- Scores differ there, so it is walked by rank; nothing is removed from it on the way.
  page = call('ZRANGE', P .. 'due', tonumber(from), tonumber(from) + max - 1)
else
  page = call('ZRANGEBYLEX', by_state(index), from == '' and '-' or '(' .. from, '+', 'LIMIT', 0, max)
end
for _, at in ipairs(page) do
  local id = string.sub(at, 18)
  local run = call('HMGET', P .. 'r:' .. id, 'state', 'rule', 'due', 'waits_for', 'grp', 'stand')
  if run[1] then
    if index ~= 'due' and index ~= run[1] then
      unlist_run(index, run[2], at)
    end
    list_run(run[1], run[2], at)
    list_wait(nil, run[4] or '', at)
    if run[3] ~= '' then
      call('ZADD', P .. 'due', run[3], at)
      if run[1] == 'unknown' then
        call('ZADD', by_wait('person'), 0, at)
      end
    end
    if (run[6] or '') ~= '' then
      call('ZADD', queue_of(run[5]), 0, at)
    end
  elseif index ~= 'due' then
    call('ZREM', by_state(index), at)
  end
end
local last = page[#page]
if #page < max then
  last = ''
elseif index == 'due' then
  last = int(tonumber(from) + max)
end
return { 'mended', int(now), int(clock), last }
