-- A known event evaluated again, if it still has as many verdicts as the caller saw.
local seq, seen, book = take(), take(), take()
local wanted = firings()
local key = P .. 'e:' .. seq
local first = call('HMGET', key, 'source', 'id', 'time', 'depth', 'caused_by', 'verdicts')
if first[6] ~= seen then
  return { 'lost', int(now), int(clock) }
end
local event = { seq = seq, source = first[1], id = first[2], time = tonumber(first[3]), depth = tonumber(first[4]),
  caused_by = first[5] }
expect_runs(wanted)
changes()
local run_seq = next_seq()
rebook(key, book)
call('HSET', key, 'verdicts', tonumber(seen) + #wanted)
for at, one in ipairs(wanted) do
  call('HSET', key, 'v' .. int(tonumber(seen) + at - 1), decide(event, one, run_seq, false))
end
if #wanted > 0 then
  ring()
end
return { 'replayed', int(now), int(clock), verdicts_from(seq, tonumber(seen)) }
