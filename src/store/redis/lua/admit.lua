-- One event: known already, or stored with what the rules want of it.
local source, id, digest = take(), take(), take()
local new = { kind = take(), subject = take(), time = take(), meta = take(), body = take(), book = take() }
local causes = {}
for _ = 1, tonumber(take()) do
  causes[#causes + 1] = take()
end
local after = take()
local wanted = firings()
-- Rules that erred before, to be decided again: rule → place and run. Empty when this is asked for the first time.
local again = {}
for _ = 1, tonumber(take()) do
  local rule = take()
  again[rule] = { place = take(), generation = take(), run = take() }
end

local name, digest_key = name_of(source, id), P .. 'd:' .. source .. ':' .. digest
-- Reading a name or a digest that is no string is refused by the server, before anything is written.
local by, seq = 'id', find_event(source, id)
local gone, gone_id
if not seq then
  gone, gone_id = gone_of(name)
end
if not seq and not gone and digest ~= '' then
  local found = call('GET', digest_key)
  if found and call('EXISTS', P .. 'e:' .. found) == 1 then
    by, seq = 'body', found
  else
    gone, gone_id = gone_of(digest_key)
    by = gone and 'body' or by
  end
end

-- The longest chain of our own runs that ends in this event, by its cause keys or by what it tells of.
local function cause_of()
  local longest = ''
  local depth = after ~= '' and call('HGET', P .. 'r:' .. after, 'depth')
  if depth then
    longest = string.format('%010.0f:%s', depth, after)
  end
  for _, key in ipairs(causes) do
    local found = call('ZRANGEBYSCORE', P .. 'c:' .. key, '(' .. int(now), '+inf', 'LIMIT', 0, 256)
    for _, cause in ipairs(found) do
      if cause > longest then
        longest = cause
      end
    end
  end
  return string.match(longest, '^(%d+):(%x+)$')
end

local function admit_new()
  seq = int(meta[3] + 1)
  local key = P .. 'e:' .. seq
  if call('EXISTS', key) == 1 then
    error('XMRTORDER the event at place ' .. seq .. ' is there already')
  end
  local kind_key, subject_key = P .. 'k:' .. new.kind, P .. 'b:' .. new.subject
  expect('zset', P .. 'events', kind_key, subject_key)
  expect('set', P .. 'kinds', P .. 'sources')
  -- Most events fire nothing: then no run's keys are touched, and asking after them would be most of the work.
  if #wanted > 0 then
    expect_runs(wanted)
  end
  local depth, run = cause_of()
  local event = { seq = seq, source = source, id = id, time = tonumber(new.time), caused_by = run or '',
    depth = depth and tonumber(depth) + 1 or 0 }
  next_seq()
  changes()
  call('HSET', key, 'seq', seq, 'source', source, 'id', id, 'kind', new.kind, 'subject', new.subject, 'time', new.time,
    'received', int(now), 'meta', new.meta, 'body', new.body, 'book', new.book, 'depth', event.depth, 'caused_by',
    event.caused_by, 'digest', digest, 'arrivals', 0, 'kept', 0, 'verdicts', #wanted)
  call('SET', name, seq)
  if digest ~= '' then
    call('SET', digest_key, seq)
  end
  call('SADD', P .. 'sources', source)
  call('SADD', P .. 'kinds', new.kind)
  for _, index in ipairs({ P .. 'events', kind_key, subject_key }) do
    call('ZADD', index, 0, member(seq))
  end
  for at, one in ipairs(wanted) do
    call('HSET', key, 'v' .. int(at - 1), decide(event, one, seq, true))
  end
  if #wanted > 0 then
    ring()
  end
  return { 'new', int(now), int(clock), source, id, seq, verdicts_from(seq, 0, #wanted) }
end

-- The newest verdict of each rule that fires now, if that is an error: place and generation.
local function erred(key)
  local fires, found = {}, {}
  for _, one in ipairs(wanted) do
    fires[one.rule] = one.kind == 'run'
  end
  for at = 0, tonumber(call('HGET', key, 'verdicts')) - 1 do
    local verdict = cjson.decode(call('HGET', key, 'v' .. int(at)))
    if fires[verdict[1]] then
      found[verdict[1]] = verdict[4] == 'error' and { place = int(at), generation = verdict[3] } or nil
    end
  end
  return found
end

local function admit_again()
  local key = P .. 'e:' .. seq
  local first = call('HMGET', key, 'source', 'id', 'time', 'depth', 'caused_by', 'kept')
  local event = { seq = seq, source = first[1], id = first[2], time = tonumber(first[3]), depth = tonumber(first[4]),
    caused_by = first[5] }
  local redo, unprepared = #wanted > 0 and erred(key) or {}, {}
  for rule, due in pairs(redo) do
    local prepared = again[rule]
    if not prepared or prepared.place ~= due.place or prepared.generation ~= due.generation then
      for _, part in ipairs({ rule, due.place, due.generation }) do
        unprepared[#unprepared + 1] = part
      end
    end
  end
  if #unprepared > 0 then
    -- The caller names the runs first: their ids are hashes that cannot be made here.
    return { 'prepare', int(now), int(clock), first[1], first[2], unprepared }
  end
  local fit = {}
  for _, one in ipairs(wanted) do
    if redo[one.rule] then
      one.generation, one.run = again[one.rule].generation, again[one.rule].run
      fit[#fit + 1] = one
    end
  end
  expect_runs(fit)
  changes()
  call('HINCRBY', META, 'duplicates', 1)
  call('HINCRBY', key, 'arrivals', 1)
  if tonumber(first[6]) < 16 then
    call('HSET', key, 'k' .. first[6], cjson.encode({ id, by, int(now) }))
    call('HINCRBY', key, 'kept', 1)
    if not gone_of(name) and string.find(call('GET', name) or '', ':gone:', 1, true) then
      call('DEL', name)
    end
    call('SET', name, seq .. ':alias', 'NX')
  end
  if #fit > 0 then
    local run_seq = next_seq()
    rebook(key, new.book)
    for _, one in ipairs(fit) do
      call('HSET', key, 'v' .. redo[one.rule].place, decide(event, one, run_seq, true))
    end
    ring()
  end
  return { by, int(now), int(clock), first[1], first[2], seq, verdicts_from(seq, 0) }
end

if gone then
  changes()
  return { by, int(now), int(clock), source, gone_id, gone, {} }
end
if seq then
  return admit_again()
end
return admit_new()
