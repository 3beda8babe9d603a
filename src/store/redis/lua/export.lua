-- Up to `max` events from a place on, each with its runs, in one piece: how the event is placed, its hash, its verdicts
-- with the states of their runs, and its runs with their names. Ends early when it has become much.
local from, max, bytes_max = take(), tonumber(take()), tonumber(take())
local page = call('ZRANGEBYLEX', P .. 'events', from == '' and '-' or '(' .. from, '+', 'LIMIT', 0, max)
local told, last, bytes = {}, '', 0
for _, at in ipairs(page) do
  local seq = int(tonumber(at))
  local key = P .. 'e:' .. seq
  local event = call('HGETALL', key)
  if #event > 0 then
    local runs = {}
    for place = 0, tonumber(call('HGET', key, 'verdicts')) - 1 do
      local run = cjson.decode(call('HGET', key, 'v' .. int(place)))[5]
      if run and run ~= '' then
        runs[#runs + 1] = run
        runs[#runs + 1] = call('HGETALL', P .. 'r:' .. run)
      end
    end
    told[#told + 1] = { event, verdicts_from(seq, 0), runs }
    bytes = bytes + call('HSTRLEN', key, 'body')
  end
  last = at
  if bytes > bytes_max then
    break
  end
end
return { 'read', int(now), int(clock), meta[4] or '0', meta[3], last, told }
