-- In front of every script. KEYS[1] is how every key begins, hash tag included: all keys lie in its slot.
-- ARGV: 1 which journal is meant, 2 the time to take for the server's ('' for its own), 3 the caller's time.
-- Nothing is rolled back in here. So every script first looks, then checks, and writes only what can no longer fail.
local P, call = KEYS[1], redis.call
local META = P .. 'meta'
local TIME_MIN, TIME_MAX = -377705023201000, 253402207200999

local function int(number)
  return string.format('%.0f', number)
end

local clock
if ARGV[2] ~= '' then
  clock = tonumber(ARGV[2])
else
  local time = call('TIME')
  clock = time[1] * 1000 + math.floor(time[2] / 1000)
end
local caller = tonumber(ARGV[3])

local meta = call('HMGET', META, 'identity', 'last', 'seq', 'changes')
if meta[1] ~= ARGV[1] then
  return redis.error_reply('XMRTJOURNAL this is not the journal that was opened')
end
-- Time never runs backwards in a journal.
local now = math.max(clock, tonumber(meta[2]))

-- The rest of ARGV, one after the other.
local place = 3
local function take()
  place = place + 1
  return ARGV[place]
end

local function bounded(time)
  return math.max(TIME_MIN, math.min(TIME_MAX, time))
end

-- '+5' is 5 ms after this operation, '~5' is the caller's 5 on this clock, '5' is 5.
local function when(token)
  local mark, rest = string.sub(token, 1, 1), string.sub(token, 2)
  if mark == '+' then
    return int(bounded(now + tonumber(rest)))
  elseif mark == '~' then
    return int(bounded(tonumber(rest) + clock - caller))
  end
  return token
end

-- What a key is does not change while a script runs, so it is asked once.
local expected = {}
local function expect(kind, ...)
  for _, key in ipairs({ ... }) do
    if expected[key] ~= kind then
      local found = call('TYPE', key).ok
      if found ~= 'none' and found ~= kind then
        error('XMRTTYPE the key ' .. key .. ' is a ' .. found .. ' and must be a ' .. kind)
      end
      expected[key] = kind
    end
  end
end

-- Once for every operation that changes something. The count tells who reads for long whether it was all of one moment.
local changed, top = tonumber(meta[4]) or 0, tonumber(meta[3])
local function changes()
  changed = changed + 1
  call('HSET', META, 'last', int(now), 'changes', int(changed))
end

local function next_seq()
  top = call('HINCRBY', META, 'seq', 1)
  return top
end

-- Both at once.
local function changes_with_seq()
  changed, top = changed + 1, top + 1
  call('HSET', META, 'last', int(now), 'changes', int(changed), 'seq', int(top))
  return int(top)
end

-- A later moment makes a member of an index a larger text.
local function member(seq, id)
  local padded = string.format('%016.0f', seq)
  return id and padded .. ':' .. id or padded
end

local function by_state(state)
  return P .. 's:' .. state
end

local function by_rule(state, rule)
  return P .. 'x:' .. state .. ':' .. rule
end

local function by_wait(what)
  return P .. 'w:' .. what
end

-- Keeps the indexes of what runs wait for; '' is for nothing.
local function list_wait(was, is, at)
  if was and was ~= '' and was ~= is then
    call('ZREM', by_wait(was), at)
  end
  if is ~= '' then
    call('ZADD', by_wait(is), 0, at)
  end
end

local function list_run(state, rule, at)
  call('ZADD', by_state(state), 0, at)
  call('ZADD', by_rule(state, rule), 0, at)
end

local function unlist_run(state, rule, at)
  call('ZREM', by_state(state), at)
  call('ZREM', by_rule(state, rule), at)
end

-- Tells who waits that something may be due. Never the truth: who misses it looks by itself.
local function ring()
  call('XADD', P .. 'bell', 'MAXLEN', '~', 1000, '*', 'rung', '1')
end

-- Entries for the audit trail on their way, each as JSON.
local function audits()
  local entries = {}
  for _ = 1, tonumber(take()) do
    entries[#entries + 1] = take()
  end
  return entries
end

-- Adds entries behind the newest one, whose place is its id: `<time>-<place in the order>`.
local function keep_audits(entries)
  if #entries == 0 then
    return
  end
  local newest = call('XREVRANGE', P .. 'audit', '+', '-', 'COUNT', 1)[1]
  local time, seq = string.match(newest and newest[1] or '0-0', '^(%d+)-(%d+)$')
  time = int(math.max(now, tonumber(time)))
  for n, entry in ipairs(entries) do
    call('XADD', P .. 'audit', time .. '-' .. int(tonumber(seq) + n), 'entry', entry)
  end
end

-- Keeps what is to be told of a run, until somebody says that it was.
local function keep_notice(id, fence, what, why)
  local notice = id .. ':' .. string.format('%016.0f', fence) .. ':' .. what
  call('ZADD', P .. 'outbox', int(now), notice)
  call('HSET', P .. 'outbox:why', notice, why)
end

local function name_of(source, id)
  return P .. 'n:' .. #source .. ':' .. source .. ':' .. id
end

-- The place of the event that a name leads to, if that event is there.
local function find_event(source, id)
  local found = call('GET', name_of(source, id))
  local seq = found and string.match(found, '^%d+')
  return seq and call('EXISTS', P .. 'e:' .. seq) == 1 and seq or nil
end

-- A deleted event that a name or a digest leads to, if it is still to be recognized: its place, and how it was called.
local function gone_of(key)
  local seq, ends, id = string.match(call('GET', key) or '', '^(%d+):gone:(-?%d+):(.*)$')
  if seq and tonumber(ends) > now then
    return seq, id
  end
end

-- An event is evaluated with another book from here on; that it was evaluated with the former one stays known.
local function rebook(key, book)
  local was = call('HMGET', key, 'book', 'former')
  if was[1] == book then
    return
  end
  local former = { was[1] }
  for _, one in ipairs(was[2] and cjson.decode(was[2]) or {}) do
    if one ~= book and one ~= was[1] then
      former[#former + 1] = one
    end
  end
  call('HSET', key, 'book', book, 'former', cjson.encode(former))
  call('HINCRBY', META, 'shelf', 1)
end

-- The verdicts of an event from a place on, each followed by the present state of its run. How many there are is asked unless it
-- is known.
local function verdicts_from(seq, first, known)
  local event, told = P .. 'e:' .. seq, {}
  local count = known or tonumber(call('HGET', event, 'verdicts') or 0)
  for at = first, count - 1 do
    local verdict = call('HGET', event, 'v' .. int(at))
    local run = cjson.decode(verdict)[5]
    told[#told + 1] = verdict
    told[#told + 1] = run ~= '' and call('HGET', P .. 'r:' .. run, 'state') or ''
  end
  return told
end

-- What a run charged has to be what it should be.
local function expect_gates(charge, rated, pending)
  for kind, keys in pairs({ string = { charge, pending }, zset = { rated } }) do
    for _, key in ipairs(keys) do
      if key ~= '' then
        expect(kind, key)
      end
    end
  end
end

-- Gives back what a run charged: its cooldown, and its place in a rate.
local function refund(id, charge, rated)
  if charge ~= '' then
    local owner = call('GET', charge)
    if owner and string.match(owner, '^%x+') == id then
      call('DEL', charge)
    end
  end
  if rated ~= '' then
    call('ZREM', rated, id)
  end
end

-- A run that waited for quiet does so no more: its burst is over.
local function burst_over(id, pending)
  if pending ~= '' and string.match(call('GET', pending) or '', '^%x+') == id then
    call('DEL', pending)
  end
end

-- Limits how long a key lives by how long it may matter, and a minute: what has run out is told by the time kept in it.
local function lives(key, until_ms)
  local ms = math.min(until_ms - now + 60000, 3e11)
  if ms > call('PTTL', key) then
    call('PEXPIRE', key, int(ms))
  end
end
