-- Looks at up to `max` events behind a place, oldest first, and deletes those whose time is over, with their runs. What
-- an event is known by stays, with its end, as long as it has to be recognized.
local from, max, events_ms, runs_ms, known_ms = take(), tonumber(take()), tonumber(take()), tonumber(take()), tonumber(take())
local newest = now - math.min(events_ms, runs_ms)
local page = call('ZRANGEBYLEX', P .. 'events', from == '' and '-' or '(' .. from, '+', 'LIMIT', 0, max)
local events, runs_gone, next_from = 0, 0, #page == max and page[max] or ''

local OPEN = { delayed = true, queued = true, running = true, waiting = true, unknown = true }

-- The runs of an event with what is known of them, and whether all of it may go.
local function over(key, event)
  local runs, changed = {}, nil
  for place = 0, tonumber(event[7]) - 1 do
    local id = cjson.decode(call('HGET', key, 'v' .. int(place)))[5]
    local run = id and id ~= '' and call('HMGET', P .. 'r:' .. id, 'state', 'updated', 'seq', 'rule')
    if run and run[1] then
      if OPEN[run[1]] then
        return nil
      end
      runs[#runs + 1] = { id = id, state = run[1], seq = run[3], rule = run[4] }
      changed = math.max(changed or tonumber(run[2]), tonumber(run[2]))
    end
  end
  local ends = changed and bounded(changed + runs_ms) or bounded(tonumber(event[5]) + events_ms)
  return ends <= now and runs or nil
end

-- A name or a digest that leads to the event: known for a while longer, or no more. Whether it did.
local function let_go(mark, seq, gone, ends)
  local found = call('GET', mark)
  if not found or string.match(found, '^%d+') ~= seq then
    return false
  end
  if ends > now then
    call('SET', mark, gone)
    lives(mark, ends)
  else
    call('DEL', mark)
  end
  return true
end

-- All that the event is known by, and one key that holds it together.
local function let_go_of_all(seq, key, event, ends)
  local gone = seq .. ':gone:' .. int(ends) .. ':' .. event[2]
  local ids, digest = {}, ''
  local known = { event[2] }
  for place = 0, tonumber(event[8]) - 1 do
    known[#known + 1] = cjson.decode(call('HGET', key, 'k' .. int(place)))[1]
  end
  for _, id in ipairs(known) do
    if let_go(name_of(event[1], id), seq, gone, ends) then
      ids[#ids + 1] = id
    end
  end
  if event[6] ~= '' and let_go(P .. 'd:' .. event[1] .. ':' .. event[6], seq, gone, ends) then
    digest = event[6]
  end
  if ends > now and #ids > 0 then
    call('SET', P .. 'gone:' .. seq, cjson.encode({ event[1], event[2], int(ends), digest, ids }))
    lives(P .. 'gone:' .. seq, ends)
  end
end

for _, at in ipairs(page) do
  local seq = int(tonumber(at))
  local key = P .. 'e:' .. seq
  local event = call('HMGET', key, 'source', 'id', 'kind', 'subject', 'received', 'digest', 'verdicts', 'kept', 'arrivals')
  if event[5] and tonumber(event[5]) > newest then
    next_from = ''
    break
  end
  local runs = event[1] and over(key, event)
  if runs then
    local kind_key, subject_key = P .. 'k:' .. event[3], P .. 'b:' .. event[4]
    expect('zset', kind_key, subject_key)
    for _, run in ipairs(runs) do
      expect('zset', by_state(run.state), by_rule(run.state, run.rule))
    end
    if events == 0 then
      changes()
    end
    local ends = bounded(tonumber(event[5]) + known_ms)
    let_go_of_all(seq, key, event, ends)
    for _, run in ipairs(runs) do
      unlist_run(run.state, run.rule, member(run.seq, run.id))
      call('UNLINK', P .. 'r:' .. run.id)
    end
    for _, index in ipairs({ P .. 'events', kind_key, subject_key }) do
      call('ZREM', index, at)
    end
    -- Not by -0, which is no whole number to it.
    if tonumber(event[9]) > 0 then
      call('HINCRBY', META, 'duplicates', int(-tonumber(event[9])))
    end
    call('UNLINK', key)
    events, runs_gone = events + 1, runs_gone + #runs
  end
end
return { 'pruned', int(now), int(clock), events, runs_gone, next_from }
