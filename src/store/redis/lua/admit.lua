-- Several events, each by itself: known already, or stored with what the rules want of it.

local function event_of_argv()
  local new = { source = take(), id = take(), digest = take(), kind = take(), subject = take(), time = take(), meta = take(),
    body = take(), book = take(), causes = {} }
  for _ = 1, tonumber(take()) do
    new.causes[#new.causes + 1] = take()
  end
  new.after = take()
  new.wanted = firings()
  -- Rules that erred before, to be decided again: rule → place and run. Empty when this is asked for the first time.
  new.again = {}
  for _ = 1, tonumber(take()) do
    local rule = take()
    new.again[rule] = { place = take(), generation = take(), run = take() }
  end
  return new
end

-- The event that a name or a digest leads to; or, if that was deleted and is still to be recognized, its place and how it was
-- called. Reading a key that is no string is refused by the server, before anything is written.
local function led_to(key)
  local found = call('GET', key)
  if not found then
    return
  end
  local seq = string.match(found, '^%d+')
  if seq and call('EXISTS', P .. 'e:' .. seq) == 1 then
    return seq
  end
  local gone, ends, id = string.match(found, '^(%d+):gone:(-?%d+):(.*)$')
  if gone and tonumber(ends) > now then
    return nil, gone, id
  end
end

-- The longest chain of our own runs that ends in this event, by its cause keys or by what it tells of.
local function cause_of(new)
  local longest = ''
  local depth = new.after ~= '' and call('HGET', P .. 'r:' .. new.after, 'depth')
  if depth then
    longest = string.format('%010.0f:%s', depth, new.after)
  end
  for _, key in ipairs(new.causes) do
    local found = call('ZRANGEBYSCORE', P .. 'c:' .. key, '(' .. int(now), '+inf', 'LIMIT', 0, 256)
    for _, cause in ipairs(found) do
      if cause > longest then
        longest = cause
      end
    end
  end
  return string.match(longest, '^(%d+):(%x+)$')
end

-- Members of sets that are there by now.
local there = {}
local function add_once(set, member)
  local both = #set .. ':' .. set .. member
  if not there[both] then
    call('SADD', set, member)
    there[both] = true
  end
end

local function admit_new(new, name, digest_key)
  local wanted = new.wanted
  local seq = int(top + 1)
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
  local depth, run = cause_of(new)
  local event = { seq = seq, source = new.source, id = new.id, time = tonumber(new.time), caused_by = run or '',
    depth = depth and tonumber(depth) + 1 or 0 }
  changes_with_seq()
  call('HSET', key, 'seq', seq, 'source', new.source, 'id', new.id, 'kind', new.kind, 'subject', new.subject, 'time',
    new.time, 'received', int(now), 'meta', new.meta, 'body', new.body, 'book', new.book, 'depth', event.depth,
    'caused_by', event.caused_by, 'digest', new.digest, 'arrivals', 0, 'kept', 0, 'verdicts', #wanted)
  call('SET', name, seq)
  if new.digest ~= '' then
    call('SET', digest_key, seq)
  end
  add_once(P .. 'sources', new.source)
  add_once(P .. 'kinds', new.kind)
  local at = member(seq)
  call('ZADD', P .. 'events', 0, at)
  call('ZADD', kind_key, 0, at)
  call('ZADD', subject_key, 0, at)
  for at, one in ipairs(wanted) do
    call('HSET', key, 'v' .. int(at - 1), decide(event, one, seq, true))
  end
  if #wanted > 0 then
    ring()
  end
  return { 'new', new.source, new.id, seq, verdicts_from(seq, 0, #wanted) }
end

-- The newest verdict of each rule that fires now, if that is an error: place and generation.
local function erred(key, wanted)
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

local function admit_again(new, by, seq, name)
  local wanted, again = new.wanted, new.again
  local key = P .. 'e:' .. seq
  local first = call('HMGET', key, 'source', 'id', 'time', 'depth', 'caused_by', 'kept')
  local event = { seq = seq, source = first[1], id = first[2], time = tonumber(first[3]), depth = tonumber(first[4]),
    caused_by = first[5] }
  local redo, unprepared = #wanted > 0 and erred(key, wanted) or {}, {}
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
    return { 'prepare', first[1], first[2], seq, unprepared }
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
    call('HSET', key, 'k' .. first[6], cjson.encode({ new.id, by, int(now) }))
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
  return { by, first[1], first[2], seq, verdicts_from(seq, 0) }
end

local function admit(new)
  local name, digest_key = name_of(new.source, new.id), P .. 'd:' .. new.source .. ':' .. new.digest
  local by = 'id'
  local seq, gone, gone_id = led_to(name)
  if not seq and not gone and new.digest ~= '' then
    seq, gone, gone_id = led_to(digest_key)
    by = 'body'
  end
  if gone then
    changes()
    return { by, new.source, gone_id, gone, {} }
  end
  if seq then
    return admit_again(new, by, seq, name)
  end
  return admit_new(new, name, digest_key)
end

local told = { 'admitted', int(now), int(clock) }
local count = tonumber(take())
for _ = 1, count do
  local new = event_of_argv()
  if count == 1 then
    told[#told + 1] = admit(new)
  else
    -- What is wrong with one is no reason to refuse its neighbours. Nothing of it is written; asked for alone it is told why.
    local fine, one = pcall(admit, new)
    told[#told + 1] = fine and one or { 'alone', '', '', '0', {} }
  end
end
return told
