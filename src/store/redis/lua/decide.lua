-- Admission's own: what becomes of one firing. Reads side by side with the journal's model.
-- A verdict is a list of texts: rule, version, generation, decision, run, then how its reason is worded, and with what.

-- Reads one firing from ARGV.
local function firing()
  local wanted = { rule = take(), version = take(), kind = take(), generation = take() }
  if wanted.kind == 'error' then
    wanted.reason = take()
    return wanted
  end
  wanted.run = take()
  wanted.shadow = take()
  wanted.key = take()
  wanted.age = take()
  wanted.depth = tonumber(take())
  wanted.cooldown = take()
  wanted.rate, wanted.window = take(), take()
  wanted.quiet, wanted.max_wait = take(), take()
  wanted.delay = take()
  wanted.held_back = take()
  wanted.group, wanted.latest, wanted.cancels = take(), take(), take()
  wanted.pinned = take()
  return wanted
end

local function firings()
  local wanted = {}
  for _ = 1, tonumber(take()) do
    wanted[#wanted + 1] = firing()
  end
  return wanted
end

-- Where a limit of a rule is counted: `g` for cooldowns, `rate`, `pend` for bursts that wait for quiet.
local function gate_of(kind, wanted)
  return P .. kind .. ':' .. wanted.shadow .. ':' .. #wanted.rule .. ':' .. wanted.rule .. ':' .. wanted.key
end

-- The run of a burst that waits for quiet, and when the burst began.
local function pending_of(wanted)
  local run, first = string.match(call('GET', gate_of('pend', wanted)) or '', '^(%x+):(-?%d+)$')
  if run and call('HGET', P .. 'r:' .. run, 'state') == 'delayed' then
    return run, tonumber(first)
  end
end

-- What deciding may write to has to be what it should be.
local function expect_runs(wanted)
  expect('zset', P .. 'due', by_state('queued'), by_state('delayed'), by_state('superseded'), by_state('cancelled'))
  expect('zset', by_wait('group'))
  expect('stream', P .. 'bell')
  for _, one in ipairs(wanted) do
    if one.kind == 'run' then
      expect('hash', P .. 'r:' .. one.run)
      expect('zset', by_rule('queued', one.rule), by_rule('delayed', one.rule), by_rule('superseded', one.rule))
      expect('zset', gate_of('rate', one))
      expect_group(one.group)
      expect('string', gate_of('g', one), gate_of('pend', one))
      local pending = string.match(call('GET', gate_of('pend', one)) or '', '^%x+')
      if pending then
        expect('hash', P .. 'r:' .. pending)
      end
    end
  end
end

-- The runs that led to an event, nearest first, each with its rule: at most one more than a reason names.
local function chain_of(run)
  local chain = {}
  while run and run ~= '' and #chain <= 16 do
    local found = call('HMGET', P .. 'r:' .. run, 'rule', 'event')
    if not found[1] then
      break
    end
    chain[#chain + 1] = run
    chain[#chain + 1] = found[1]
    run = call('HGET', P .. 'e:' .. found[2], 'caused_by')
  end
  return chain
end

-- The charge of a rate whose end opens the gate, if it is closed: its run and its end.
local function rated(wanted, made_way)
  local key, from = gate_of('rate', wanted), '(' .. int(now)
  local counted = call('ZCOUNT', key, from, '+inf')
  local place = made_way and call('ZSCORE', key, made_way)
  local mine = place and tonumber(place) > now
  local closing = counted - (mine and 1 or 0) - math.max(1, tonumber(wanted.rate))
  if closing < 0 then
    return
  end
  -- One more than needed, for what makes way may stand before the one that is looked for.
  local found = call('ZRANGEBYSCORE', key, from, '+inf', 'WITHSCORES', 'LIMIT', 0, closing + 2)
  for at = 1, #found, 2 do
    if found[at] ~= made_way then
      if closing == 0 then
        return found[at], int(tonumber(found[at + 1]))
      end
      closing = closing - 1
    end
  end
end

-- The first gate that is closed: its decision, how that is worded, and with what. What the run charged that makes way if
-- this one is let in does not count.
local function refusal(event, wanted, all, made_way)
  local age = now - event.time
  if all and wanted.age ~= '' and age > tonumber(wanted.age) then
    return { 'stale', '', 'age', int(age), wanted.age }
  end
  if event.depth >= wanted.depth then
    local told = { 'loop_cut', '', 'loop', int(wanted.depth), int(event.depth) }
    for _, part in ipairs(chain_of(event.caused_by)) do
      told[#told + 1] = part
    end
    return told
  end
  if all and wanted.cooldown ~= '' then
    local charge = call('GET', gate_of('g', wanted))
    local run, ends = string.match(charge or '', '^(%x+):(-?%d+)$')
    if run and run ~= made_way and tonumber(ends) > now then
      return { 'suppressed', '', 'cooling', run, ends }
    end
  end
  if all and wanted.rate ~= '' then
    local run, ends = rated(wanted, made_way)
    if run then
      return { 'suppressed', '', 'rated', wanted.rate, wanted.window, run, ends }
    end
  end
end

-- When a run may begin: after quiet, but not later than that since its burst began; then the delay.
local function starts_at(wanted, first)
  local at = now
  if wanted.quiet ~= '' then
    at = math.min(bounded(now + tonumber(wanted.quiet)), bounded(first + tonumber(wanted.max_wait)))
  end
  if wanted.delay ~= '' then
    at = bounded(at + tonumber(wanted.delay))
  end
  return int(at)
end

-- Charges all gates for a run that was admitted, and says where.
local function charge_gates(wanted, first)
  local charged = { charge = '', rated = '', pending = '' }
  if wanted.cooldown ~= '' then
    charged.charge = gate_of('g', wanted)
    local ends = bounded(now + tonumber(wanted.cooldown))
    call('SET', charged.charge, wanted.run .. ':' .. int(ends))
    lives(charged.charge, ends)
  end
  if wanted.rate ~= '' then
    charged.rated = gate_of('rate', wanted)
    local ends = bounded(now + tonumber(wanted.window))
    call('ZREMRANGEBYSCORE', charged.rated, '-inf', int(now))
    call('ZADD', charged.rated, int(ends), wanted.run)
    lives(charged.rated, ends)
  end
  if wanted.quiet ~= '' then
    charged.pending = gate_of('pend', wanted)
    call('SET', charged.pending, wanted.run .. ':' .. int(first))
  end
  return charged
end

local function make_run(event, wanted, seq, charged, starts)
  local key, at = P .. 'r:' .. wanted.run, member(seq, wanted.run)
  if call('EXISTS', key) == 1 then
    -- The event was forgotten and has come again. Its run was not: it is the same run, and not begun anew.
    call('HSET', key, 'event', event.seq)
    return
  end
  local state, due, reason = 'queued', int(now), ''
  if starts then
    state, due, reason = 'delayed', starts, '=' .. wanted.held_back
  end
  call('HSET', key, 'version', 1, 'op', '', 'seq', seq, 'event', event.seq, 'source', event.source, 'id', event.id,
    'rule', wanted.rule, 'content', wanted.version, 'generation', wanted.generation, 'state', state, 'waits_for', '',
    'reason', reason, 'shadow', wanted.shadow, 'depth', event.depth, 'fence', 0, 'stalls', 0, 'worker', '', 'due', due,
    'created', int(now), 'updated', int(now), 'pinned', wanted.pinned, 'charge', charged.charge, 'rated', charged.rated,
    'pending', charged.pending, 'grp', wanted.group, 'latest', wanted.latest, 'cancels', wanted.cancels, 'stand', '',
    'behind', '', 'makes_way', '', 'begun', '', 'open', '', 'wrote', '')
  list_run(state, wanted.rule, at)
  call('ZADD', P .. 'due', due, at)
  if wanted.group ~= '' and not starts then
    local newer = join({ id = wanted.run, at = at, group = wanted.group, latest = wanted.latest, cancels = wanted.cancels,
      begun = '' })
    if newer then
      superseded(wanted.run, newer)
    end
  end
end

-- The verdict on one firing. All gates are asked and charged, or only whether it is a loop.
local function decide(event, wanted, seq, all)
  local verdict = { wanted.rule, wanted.version, wanted.generation }
  local rest, pending, first
  if all and wanted.kind ~= 'error' and wanted.quiet ~= '' then
    pending, first = pending_of(wanted)
  end
  if wanted.kind == 'error' then
    rest = { 'error', '', 'text', wanted.reason }
  else
    rest = refusal(event, wanted, all, pending)
  end
  if not rest then
    if pending then
      superseded(pending, wanted.run)
    end
    local charged, starts = { charge = '', rated = '', pending = '' }, nil
    if all then
      charged = charge_gates(wanted, first or now)
      if wanted.held_back ~= '' then
        starts = starts_at(wanted, first or now)
      end
    end
    make_run(event, wanted, seq, charged, starts)
    rest = { 'fired', wanted.run }
  end
  for _, part in ipairs(rest) do
    verdict[#verdict + 1] = part
  end
  return cjson.encode(verdict)
end
