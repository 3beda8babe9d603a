-- An event by its id among the sources that are told: its first name wins over one of a duplicate, then the older event.
local id = take()
local best
for _ = 1, tonumber(take()) do
  local source = take()
  local seq = find_event(source, id)
  if seq then
    local alias = string.find(call('GET', name_of(source, id)), ':', 1, true) ~= nil
    local better = not best or (best.alias and not alias)
      or (best.alias == alias and tonumber(seq) < tonumber(best.seq))
    if better then
      best = { seq = seq, alias = alias }
    end
  end
end
if not best then
  return { 'none', int(now), int(clock) }
end
return { 'found', int(now), int(clock), call('HGETALL', P .. 'e:' .. best.seq) }
