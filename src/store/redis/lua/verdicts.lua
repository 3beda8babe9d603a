-- The verdicts of an event, with the present states of their runs; its place, and how its first arrival was called.
local seq = find_event(take(), take())
if not seq then
  return { 'none', int(now), int(clock) }
end
local name = call('HMGET', P .. 'e:' .. seq, 'source', 'id')
return { 'found', int(now), int(clock), seq, name[1], name[2], verdicts_from(seq, 0) }
