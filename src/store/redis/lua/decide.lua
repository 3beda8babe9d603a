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
  wanted.cooldown = take()
  wanted.age = take()
  wanted.depth = tonumber(take())
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

local function gate_of(wanted)
  return P .. 'g:' .. wanted.shadow .. ':' .. #wanted.rule .. ':' .. wanted.rule .. ':' .. wanted.key
end

-- What deciding may write to has to be what it should be.
local function expect_runs(wanted)
  expect('zset', P .. 'due', by_state('queued'))
  expect('stream', P .. 'bell')
  for _, one in ipairs(wanted) do
    if one.kind == 'run' then
      expect('hash', P .. 'r:' .. one.run)
      expect('zset', by_rule('queued', one.rule))
      expect('string', gate_of(one))
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

-- The first gate that is closed: its decision, how that is worded, and with what.
local function refusal(event, wanted, all)
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
    local charge = call('GET', gate_of(wanted))
    local run, ends = string.match(charge or '', '^(%x+):(-?%d+)$')
    if run and tonumber(ends) > now then
      return { 'suppressed', '', 'cooling', run, ends }
    end
  end
end

local function make_run(event, wanted, seq, charge)
  local key, at = P .. 'r:' .. wanted.run, member(seq, wanted.run)
  if call('EXISTS', key) == 1 then
    -- The event was forgotten and has come again. Its run was not: it is the same run, and not begun anew.
    call('HSET', key, 'event', event.seq)
    return
  end
  call('HSET', key, 'version', 1, 'op', '', 'seq', seq, 'event', event.seq, 'source', event.source, 'id', event.id,
    'rule', wanted.rule, 'content', wanted.version, 'generation', wanted.generation, 'state', 'queued', 'waits_for', '', 'reason', '',
    'shadow', wanted.shadow, 'depth', event.depth, 'fence', 0, 'worker', '', 'due', int(now), 'created', int(now),
    'updated', int(now), 'pinned', wanted.pinned, 'charge', charge)
  list_run('queued', wanted.rule, at)
  call('ZADD', P .. 'due', int(now), at)
end

-- The verdict on one firing. All gates are asked and charged, or only whether it is a loop.
local function decide(event, wanted, seq, all)
  local verdict = { wanted.rule, wanted.version, wanted.generation }
  local rest
  if wanted.kind == 'error' then
    rest = { 'error', '', 'text', wanted.reason }
  else
    rest = refusal(event, wanted, all)
  end
  if not rest then
    local charge = ''
    if all and wanted.cooldown ~= '' then
      charge = gate_of(wanted)
      local ends = bounded(now + tonumber(wanted.cooldown))
      call('SET', charge, wanted.run .. ':' .. int(ends))
      lives(charge, ends)
    end
    make_run(event, wanted, seq, charge)
    rest = { 'fired', wanted.run }
  end
  for _, part in ipairs(rest) do
    verdict[#verdict + 1] = part
  end
  return cjson.encode(verdict)
end
